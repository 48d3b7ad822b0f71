package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders from which code is loaded, as other users of the machine may leave them. */
class ClosedFolderTest {
  private static final String ELSEWHERE = "name another folder with -Dsomewhere=<folder>";
  private static final int STRANGER = 12345;

  @TempDir Path temporary;

  /** As it is without links, such as the one that leads to /tmp on a Mac. */
  private Path folder;

  @BeforeEach
  void onUnix() throws IOException {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "no Unix permissions here");
    folder = Files.createDirectory(temporary.toRealPath().resolve("cache"));
    mode(folder, "rwxr-xr-x");
  }

  private static Path mode(Path path, String permissions) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  /** Only the superuser can give files away. */
  private static Path giveAway(Path path) throws IOException {
    assumeTrue(
        Files.getAttribute(path, "unix:uid").equals(0), "only the superuser can give files away");
    return Files.setAttribute(path, "unix:uid", STRANGER, LinkOption.NOFOLLOW_LINKS);
  }

  private static String refusal(Runnable call) {
    return assertThrows(NativeLoadException.class, call::run).getMessage();
  }

  private String refusal() {
    return refusal(() -> ClosedFolder.of(folder, ELSEWHERE));
  }

  private String refusalOfContents(Path below) {
    ClosedFolder closed = ClosedFolder.of(folder, ELSEWHERE);
    return refusal(() -> closed.requireContents(below));
  }

  private static void assertSays(String expected, String found) {
    assertTrue(found.contains(expected), found);
  }

  @Test
  void whatIsMissingIsMadeForTheUserOnly() throws IOException {
    Path made = folder.resolve("a/b");
    assertEquals(made, ClosedFolder.of(made, ELSEWHERE).path());
    assertEquals("rwx------", mode(made));
    assertEquals("rwx------", mode(made.getParent()));
    try (Stream<Path> files = Files.list(made)) {
      assertEquals(0, files.count());
    }
  }

  @Test
  void aFolderThatAnybodyCanWriteIsRefusedWithTheCommandThatClosesIt() throws IOException {
    mode(folder, "rwxrwxrwx");
    String owner = Files.getOwner(folder).getName();
    assertEquals(
        "native libraries are not loaded from "
            + folder
            + ": others can write into "
            + folder
            + " (owner "
            + owner
            + ", mode 777), and what they put there would run in this process; close it with"
            + " \"chmod -R go-w "
            + folder
            + "\", or "
            + ELSEWHERE,
        refusal());
    mode(folder, "rwxr-xr-x");
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE));
  }

  /** Its entries are safe, but names that are not there yet are anybody's. */
  @Test
  void theStickyBitDoesNotCloseTheFolderItself() throws IOException {
    Files.setAttribute(folder, "unix:mode", 01777);
    assertSays("mode 1777", refusal());
  }

  @Test
  void anotherUsersFolderIsRefused() throws IOException {
    giveAway(folder);
    assertSays(folder + " (owner " + STRANGER + ", mode 755) belongs to another user", refusal());
    assertTrue(refusal().endsWith("would run in this process; " + ELSEWHERE), refusal());
  }

  @Test
  void aFolderAboveInWhichOthersCanReplaceItIsRefused() throws IOException {
    Path above = folder;
    folder = Files.createDirectory(above.resolve("below"));
    mode(above, "rwxrwxrwx");
    assertSays("others can write into " + above + " (", refusal());
    assertSays("\"chmod -R go-w " + above + "\"", refusal());
    // As in /tmp, where nobody can rename what is another's.
    Files.setAttribute(above, "unix:mode", 01777);
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE));
  }

  @Test
  void aFolderAboveOfAnotherUserIsRefused() throws IOException {
    Path above = folder;
    folder = Files.createDirectory(above.resolve("below"));
    giveAway(above);
    assertSays(above + " (owner " + STRANGER + ", mode 755) belongs to another user", refusal());
  }

  @Test
  void aGroupOfSeveralUsersMayNotWriteButThatOfTheUserAlone() throws IOException {
    mode(folder, "rwxrwxr-x");
    assumeTrue(Files.getAttribute(folder, "unix:uid").equals(0), "only the superuser can");
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE));
    Files.setAttribute(folder, "unix:gid", groupNumber("daemon"));
    assertSays("mode 775", refusal());
  }

  private int groupNumber(String name) throws IOException {
    try {
      Path file = Files.createFile(folder.resolve("of-the-group"));
      var group =
          FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByGroupName(name);
      Files.setAttribute(file, "posix:group", group);
      return (int) Files.getAttribute(file, "unix:gid");
    } catch (UserPrincipalNotFoundException e) {
      assumeTrue(false, "no group " + name);
      throw e;
    }
  }

  @Test
  void whatLiesBelowIsClosedToo() throws IOException {
    Path below = Files.createDirectories(folder.resolve("x.jar/org"));
    Path library = Files.createFile(below.resolve("libx.so"));
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE).requireContents(below));
    mode(library, "rw-rw-rw-");
    assertSays("others can write into " + library + " (", refusalOfContents(below));
    mode(library, "rw-r--r--");
    mode(below.getParent(), "rwxrwxrwx");
    assertSays("others can write into " + below.getParent() + " (", refusalOfContents(below));
  }

  /** The system loads it for its name if a library asks for it, though it is on no list. */
  @Test
  void anotherUsersFileAmongTheLibrariesIsRefused() throws IOException {
    Path planted = giveAway(Files.createFile(folder.resolve("libgomp.so.1")));
    assertSays(
        planted + " (owner " + STRANGER + ", mode 644) belongs to another user",
        refusalOfContents(folder));
    assertSays("; delete it, or " + ELSEWHERE, refusalOfContents(folder));
  }

  @Test
  void linksMayLeadToNothingAndToTheSystemsFilesOnly() throws IOException {
    Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("missing"));
    Path system = Files.createSymbolicLink(folder.resolve("system"), Path.of("/etc/passwd"));
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE).requireContents(folder));
    Files.delete(system);
    Path open = Files.createDirectory(folder.resolveSibling("open"));
    Path library = Files.createFile(open.resolve("libx.so"));
    Files.createSymbolicLink(folder.resolve("libx.so"), library);
    assertDoesNotThrow(() -> ClosedFolder.of(folder, ELSEWHERE).requireContents(folder));
    mode(open, "rwxrwxrwx");
    assertSays("others can write into " + open + " (", refusalOfContents(folder));
    mode(open, "rwxr-xr-x");
    giveAway(library);
    assertSays(library + " (owner " + STRANGER, refusalOfContents(folder));
  }

  /** JavaCPP makes folders as the process does: a whole group may write, where the umask is 002. */
  @Test
  void belowAPrivateFolderOnlyWhatAnybodyCanWriteIsRefused() throws IOException {
    ClosedFolder closed = ClosedFolder.of(folder, ELSEWHERE);
    Path jar = Files.createDirectory(folder.resolve("x.jar"));
    closed.keepPrivate(jar);
    assertEquals("rwx------", mode(jar));
    Path library = Files.createFile(Files.createDirectory(jar.resolve("org")).resolve("libx.so"));
    mode(library.getParent(), "rwxrwxr-x");
    mode(library, "rw-rw-r--");
    assertDoesNotThrow(() -> closed.requireContents(library.getParent()));
    mode(library, "rw-rw-rw-");
    assertSays("others can write into " + library + " (", refusalOfContents(library.getParent()));
  }

  @Test
  void whatOthersCouldWriteIsNotMadePrivate() throws IOException {
    Path jar = mode(Files.createDirectory(folder.resolve("x.jar")), "rwxrwxrwx");
    ClosedFolder closed = ClosedFolder.of(folder, ELSEWHERE);
    assertSays("others can write into " + jar + " (", refusal(() -> closed.keepPrivate(jar)));
    assertEquals("rwxrwxrwx", mode(jar));
  }
}
