package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.equipoise.kernels.NativeLoadException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerLibraryTest {
  @TempDir Path temporary;

  /** DJL loads whatever is there, and in the temporary folder if the home cannot be written. */
  @Test
  void aLibraryThatOthersCanReplaceIsRefused() throws IOException {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "no Unix permissions here");
    Path cache = temporary.toRealPath().resolve(".djl.ai/tokenizers");
    assertDoesNotThrow(() -> TokenizerLibrary.require(cache));
    Path library = Files.createFile(Files.createDirectory(cache.resolve("0.21.0")).resolve("x.so"));
    assertDoesNotThrow(() -> TokenizerLibrary.require(cache));
    Files.setPosixFilePermissions(library, PosixFilePermissions.fromString("rw-rw-rw-"));
    String said =
        assertThrows(NativeLoadException.class, () -> TokenizerLibrary.require(cache)).getMessage();
    assertTrue(said.contains("others can write into " + library + " ("), said);
    assertTrue(said.endsWith("name another folder with -DDJL_CACHE_DIR=<folder>"), said);
  }
}
