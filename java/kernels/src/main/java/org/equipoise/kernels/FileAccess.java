package org.equipoise.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.Map;

/** Who may change a file or folder; of a link itself, not of what it leads to. */
record FileAccess(Path path, int owner, int group, int mode) {
  private static final int OTHERS_WRITE = 0002;
  private static final int GROUP_WRITES = 0020;
  private static final int OTHERS_ENTER = 0011;
  private static final int STICKY = 01000;
  private static final int KIND = 0170000;
  private static final int LINK = 0120000;

  static FileAccess of(Path path) throws IOException {
    Map<String, Object> found =
        Files.readAttributes(path, "unix:uid,gid,mode", LinkOption.NOFOLLOW_LINKS);
    return new FileAccess(
        path, (int) found.get("uid"), (int) found.get("gid"), (int) found.get("mode"));
  }

  boolean isLink() {
    return (mode & KIND) == LINK;
  }

  boolean anybodyWrites() {
    return (mode & OTHERS_WRITE) != 0;
  }

  /**
   * Whether a group of several users can write. One that bears the user's own name is that user's
   * alone, as Debian and Fedora give each user one, and then let it write everything; a number
   * without a name has no members.
   */
  boolean groupWrites(String user) throws IOException {
    if ((mode & GROUP_WRITES) == 0 || group == 0) {
      return false;
    }
    String name =
        Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
            .group()
            .getName();
    return !name.equals(user) && !name.equals(Integer.toString(group));
  }

  /** Whether all but the owner and the superuser are kept from everything below this folder. */
  boolean isPrivate() {
    return (mode & OTHERS_ENTER) == 0;
  }

  /** Whether only its owner can rename or delete what lies in this folder, as in /tmp. */
  boolean isSticky() {
    return (mode & STICKY) != 0;
  }

  /** For messages. */
  String describe() {
    String name;
    try {
      name = Files.getOwner(path, LinkOption.NOFOLLOW_LINKS).getName();
    } catch (IOException e) {
      name = Integer.toString(owner);
    }
    return String.format("%s (owner %s, mode %o)", path, name, mode & 07777);
  }
}
