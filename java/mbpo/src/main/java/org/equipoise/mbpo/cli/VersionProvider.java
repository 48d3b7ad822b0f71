package org.equipoise.mbpo.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version that the build wrote beside this class. */
final class VersionProvider implements IVersionProvider {
  private static final String RESOURCE = "version.properties";

  @Override
  public String[] getVersion() throws IOException {
    Properties properties = new Properties();
    try (InputStream source = VersionProvider.class.getResourceAsStream(RESOURCE)) {
      if (source == null) {
        throw new IOException(RESOURCE + " is missing beside " + VersionProvider.class.getName());
      }
      properties.load(source);
    }
    return new String[] {
      "equipoise " + properties.getProperty("version"),
      "Java "
          + System.getProperty("java.version")
          + ", "
          + System.getProperty("os.name")
          + " "
          + System.getProperty("os.arch")
    };
  }
}
