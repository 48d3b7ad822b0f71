package org.equipoise.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.jspecify.annotations.Nullable;

/** Loads libequipoise once and checks that it fits this jar. */
public final class NativeLibrary {
  private static final String JAR_VERSION =
      jarVersion(NativeLibrary.class, "version.properties", "equipoise-kernels");

  /** Version of the CUDA presets that this jar was built with. */
  static final String CUDA_PRESETS_VERSION =
      property(NativeLibrary.class, "version.properties", "equipoise-kernels", "cuda");

  /** What went wrong while loading; null when all is well. A constant to the compiler. */
  private static final NativeLoadException FAILURE = load();

  private NativeLibrary() {}

  /**
   * Returns when libequipoise is loaded and fits this jar.
   *
   * @throws NativeLoadException naming the file, the versions found and what to do
   */
  public static void require() {
    if (FAILURE != null) {
      // A new one each time: the stack must be that of the caller.
      throw new NativeLoadException(FAILURE.getMessage(), FAILURE.getCause());
    }
  }

  /** Version of this jar, for example {@code 0.1.0}. */
  public static String jarVersion() {
    return JAR_VERSION;
  }

  private static NativeLoadException load() {
    try {
      // Unpacked, not loaded: libequipoise opens it from its own folder at the first CUDA tensor.
      NativeCache.unpackWith(
          Set.of(Loader.getPlatform() + "/libequipoise_cuda.so"), EquipoiseAbi.class);
      Loader.load(EquipoiseAbi.class);
      checkVersions(
          JAR_VERSION,
          EquipoiseAbi.EQP_ABI_VERSION,
          EquipoiseAbi.eqp_library_version(),
          EquipoiseAbi.eqp_abi_version(),
          "libequipoise",
          "equipoise-kernels");
      return null;
    } catch (NativeLoadException failure) {
      return failure;
    } catch (Throwable failure) {
      return describe("libequipoise", failure);
    }
  }

  /**
   * Compares a jar with the native library found for it.
   *
   * @throws NativeLoadException naming both when they differ
   */
  public static void checkVersions(
      String jarVersion,
      int jarAbi,
      String libraryVersion,
      int libraryAbi,
      String library,
      String artifact) {
    if (jarAbi != libraryAbi || !base(jarVersion).equals(base(libraryVersion))) {
      throw new NativeLoadException(
          String.format(
              "%s of version %s (ABI %d) was loaded for the jar %s of version %s (ABI %d): use the"
                  + " jar and the platform jar of one version",
              library, libraryVersion, libraryAbi, artifact, jarVersion, jarAbi),
          null);
    }
  }

  /** Reads the version that the build wrote beside {@code owner}. */
  public static String jarVersion(Class<?> owner, String resource, String artifact) {
    return property(owner, resource, artifact, "version");
  }

  private static String property(Class<?> owner, String resource, String artifact, String name) {
    try (InputStream stream = owner.getResourceAsStream(resource)) {
      if (stream == null) {
        throw new NativeLoadException(
            "the jar "
                + artifact
                + " lacks "
                + resource
                + ": it was not built by this project's build",
            null);
      }
      Properties properties = new Properties();
      properties.load(stream);
      return properties.getProperty(name);
    } catch (IOException e) {
      throw new NativeLoadException("cannot read " + resource + " in the jar " + artifact, e);
    }
  }

  /** Turns what JavaCPP throws while loading into one sentence with the remedy. */
  public static NativeLoadException describe(String library, Throwable failure) {
    List<String> unusable = CacheFolder.allUnusable();
    if (unusable != null) {
      return new NativeLoadException(
          String.format(
              "cannot load %s: none of the folders for extracted native libraries can be written"
                  + " (%s); make one writable or name another with"
                  + " -Dorg.bytedeco.javacpp.cachedir=<folder>",
              library, String.join(", ", unusable)),
          failure);
    }
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    if (String.valueOf(root.getMessage()).contains("failed to map segment")) {
      return new NativeLoadException(
          String.format(
              "cannot load %s: the system does not let the file be executed or has no memory for it"
                  + " (%s); if its folder is mounted with the option noexec, name another one with"
                  + " -Dorg.bytedeco.javacpp.cachedir=<folder>",
              library, root.getMessage()),
          failure);
    }
    return new NativeLoadException(
        String.format(
            "cannot load %s for %s: %s; is the jar with the classifier %s of the same version on"
                + " the class path?",
            library, Loader.getPlatform(), root.getMessage(), Loader.getPlatform()),
        failure);
  }

  private static String base(String version) {
    int dash = version.indexOf('-');
    return dash < 0 ? version : version.substring(0, dash);
  }

  /**
   * The value itself, unless it is a pointer that was freed: to native code that would be NULL,
   * which means that it was not given.
   *
   * @throws IllegalStateException naming it
   */
  public static <T extends @Nullable Object> T alive(String name, T value) {
    if (value instanceof Pointer pointer && pointer.isNull()) {
      throw new IllegalStateException(
          name
              + ": expected memory that is still there, found it freed: by the end of the"
              + " PointerScope it was made in, or by close(); make it outside of that scope, or"
              + " call retainReference() on it first");
    }
    return value;
  }

  /**
   * Keeps native memory out of the caller's pointer scopes: it lives as long as its Java object,
   * not as long as the scope that happened to be open when it was made.
   */
  static <P extends Pointer> P keep(P pointer) {
    pointer.retainReference();
    return pointer;
  }
}
