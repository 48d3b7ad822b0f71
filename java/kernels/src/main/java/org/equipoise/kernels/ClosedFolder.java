package org.equipoise.kernels;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;

/**
 * A folder from which native code is loaded, and in which nobody but the current user and the
 * superuser can change anything: what another user puts there would run as part of this process.
 * Not thread-safe.
 *
 * <p>Nothing is checked where files have no Unix permissions, and with the system property {@code
 * org.equipoise.sharedCache=true}: for machines whose users trust each other, such as a container
 * of one user with a volume that everybody may write.
 */
public final class ClosedFolder {
  private static final boolean CHECKED =
      FileSystems.getDefault().supportedFileAttributeViews().contains("unix")
          && !Boolean.getBoolean("org.equipoise.sharedCache");
  private static final int SUPERUSER = 0;
  private static final String PRIVATE = "rwx------";

  private final Path folder;
  private final String elsewhere;
  private final int user;
  private final String userName;

  /** What has been looked at, and whether it is hidden: files share the folders above them. */
  private final Map<Path, Boolean> looked = new HashMap<>();

  private ClosedFolder(Path folder, String elsewhere) throws IOException {
    this.folder = folder.toRealPath();
    this.elsewhere = elsewhere;
    if (!CHECKED) {
      user = SUPERUSER;
      userName = "";
      return;
    }
    // Not the process's own number: a network file system may give its files another owner.
    Path probe = Files.createFile(this.folder.resolve(".owner-" + System.nanoTime()));
    try {
      user = FileAccess.of(probe).owner();
      userName = Files.getOwner(probe).getName();
    } finally {
      Files.delete(probe);
    }
  }

  /**
   * Makes the folder, for the current user only, if it is not there.
   *
   * @param elsewhere what to do to have another folder: "name another one with ..."
   * @throws NativeLoadException naming the folder that somebody else can change, the one asked for
   *     or one above it, and what to do
   */
  public static ClosedFolder of(Path folder, String elsewhere) {
    try {
      create(folder);
      ClosedFolder made = new ClosedFolder(folder, elsewhere);
      made.requireWay(made.folder);
      return made;
    } catch (IOException e) {
      throw new NativeLoadException(
          "cannot use the folder " + folder + " for native libraries: " + e + "; " + elsewhere, e);
    }
  }

  /** Makes a folder and those above it that are not there, for the current user only. */
  static void create(Path folder) throws IOException {
    if (!CHECKED) {
      Files.createDirectories(folder);
    } else if (!Files.isDirectory(folder)) {
      Files.createDirectories(
          folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(PRIVATE)));
    }
  }

  /** Links in it resolved. */
  public Path path() {
    return folder;
  }

  /**
   * Makes a folder below this one, or keeps others from one that is there, so that it does not
   * matter with which permissions somebody else's code writes into it.
   *
   * @throws NativeLoadException if others can change it already
   */
  public Path keepPrivate(Path below) {
    try {
      create(below);
      if (CHECKED) {
        requireEntry(below);
        FileAccess access = FileAccess.of(below);
        if (access.owner() == user && !access.isPrivate()) {
          Files.setPosixFilePermissions(below, PosixFilePermissions.fromString(PRIVATE));
          looked.put(below, true);
        }
      }
      return below;
    } catch (IOException e) {
      throw new NativeLoadException(
          "cannot use the folder " + below + " for native libraries: " + e + "; " + elsewhere, e);
    }
  }

  /**
   * Returns if nobody else can change a folder below this one, those between and the files in it:
   * the system loads whatever has the right name there. Links may only lead to files of which this
   * is true as well.
   *
   * @throws NativeLoadException naming the file or folder, its owner and permissions, and what to
   *     do
   */
  public void requireContents(Path below) {
    try {
      requireEntry(below);
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(below)) {
        for (Path entry : entries) {
          requireEntry(entry);
        }
      }
    } catch (NoSuchFileException e) {
      throw new NativeLoadException(
          "the folder " + below + " of native libraries is gone; start the program again", e);
    } catch (IOException e) {
      throw new NativeLoadException("cannot look at native libraries: " + e, e);
    }
  }

  /** What lies in this folder and, if it is a link, where it leads. */
  private void requireEntry(Path entry) throws IOException {
    try {
      requireWay(entry);
      if (Files.isSymbolicLink(entry)) {
        requireWay(entry.toRealPath());
      }
    } catch (NoSuchFileException e) {
      // Another process has replaced it, or a link leads nowhere: nothing is loaded from it.
      return;
    }
  }

  /**
   * Looks at a file or folder and all above it, from the top.
   *
   * @return whether others cannot enter it or one above it, up to this folder
   */
  private boolean requireWay(Path at) throws IOException {
    Boolean known = CHECKED ? looked.get(at) : Boolean.TRUE;
    if (known != null) {
      return known;
    }
    boolean hidden = at.getParent() != null && requireWay(at.getParent());
    FileAccess access = FileAccess.of(at);
    require(access, hidden);
    hidden |= at.startsWith(folder) && access.isPrivate();
    looked.put(at, hidden);
    return hidden;
  }

  private void require(FileAccess access, boolean hidden) throws IOException {
    if (access.owner() != user && access.owner() != SUPERUSER) {
      throw refusal(access, access.describe() + " belongs to another user");
    }
    if (access.isLink() || (isAbove(access.path()) && access.isSticky())) {
      return;
    }
    if (access.anybodyWrites() || (!hidden && access.groupWrites(userName))) {
      throw refusal(access, "others can write into " + access.describe());
    }
  }

  private boolean isAbove(Path path) {
    return !path.startsWith(folder);
  }

  private NativeLoadException refusal(FileAccess access, String why) {
    Path path = access.path();
    String mend = "";
    if (access.owner() == user) {
      mend = "close it with \"chmod -R go-w " + path + "\", or ";
    } else if (!isAbove(path) && !path.equals(folder)) {
      mend = "delete it, or ";
    }
    return new NativeLoadException(
        String.format(
            "native libraries are not loaded from %s: %s, and what they put there would run in this"
                + " process; %s%s",
            folder, why, mend, elsewhere),
        null);
  }
}
