package org.equipoise.kernels;

import java.util.Arrays;
import java.util.function.Consumer;
import org.bytedeco.javacpp.Pointer;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_launch;
import org.equipoise.kernels.abi.eqp_tensor;
import org.jspecify.annotations.Nullable;

/**
 * Where and with what scratch memory an op runs: a CUDA stream and a workspace, encoded once into
 * native memory. The CPU needs none.
 *
 * <p>{@link CudaStream#launch()} makes one; {@link #of} takes the raw pointers of any other CUDA
 * binding, whose memory and tensors then stay alive by the caller's doing until the stream has
 * finished.
 *
 * <p>One thread at a time: calls on one stream share its workspace, and an op may consist of
 * several kernels. Work on several streams needs a workspace each; so do CUDA graphs that are
 * launched side by side, also when they were captured on one stream.
 */
public final class Launch implements AutoCloseable {
  private final eqp_launch launch;
  private final Pointer workspace;
  private final boolean hasWorkspace;
  private final Pointer stream;
  private final Consumer<TensorView[]> retainer;

  private Launch(
      Pointer workspace, long workspaceBytes, Pointer stream, Consumer<TensorView[]> retainer) {
    NativeLibrary.require();
    if (workspaceBytes < 0 || (workspaceBytes > 0 && isNull(workspace))) {
      throw new IllegalArgumentException(
          "expected a workspace and its bytes, or neither, found "
              + workspaceBytes
              + " bytes of "
              + (isNull(workspace) ? "no memory" : "memory"));
    }
    if (workspace != null && workspace.position() != 0) {
      throw new IllegalArgumentException(
          "expected a workspace at position 0, found position "
              + workspace.position()
              + "; take getPointer(position) first");
    }
    this.workspace = workspace;
    hasWorkspace = workspaceBytes > 0;
    this.stream = stream;
    this.retainer = retainer;
    launch = NativeLibrary.keep(new eqp_launch());
    launch.size(launch.sizeof());
    launch.reserved(0);
    launch.workspace(workspace);
    launch.workspace_size(workspaceBytes);
    launch.stream(stream);
    launch.errors(null);
  }

  /**
   * A launch from raw pointers, which it keeps reachable but does not own.
   *
   * @param workspace memory on the tensors' device, 16-byte aligned, whose first 16 bytes were
   *     zeroed once, before a capture and not in it: kernels record errors in data there; null:
   *     none
   * @param workspaceBytes bytes of it; {@link #sufficientWorkspaceBytes()} serve every op
   * @param stream the cudaStream_t, as its value (the pointer's address is the handle); null: the
   *     default stream
   * @throws IllegalArgumentException unless workspace and bytes are given together
   */
  public static Launch of(
      @Nullable Pointer workspace, long workspaceBytes, @Nullable Pointer stream) {
    return new Launch(workspace, workspaceBytes, stream, null);
  }

  /** A launch that hands the tensors of every call to {@code retainer} before it is queued. */
  static Launch retaining(
      @Nullable Pointer workspace,
      long workspaceBytes,
      @Nullable Pointer stream,
      Consumer<TensorView[]> retainer) {
    return new Launch(workspace, workspaceBytes, stream, retainer);
  }

  /**
   * Bytes of workspace that every op on CUDA tensors of any shape is content with; but AOT ({@link
   * PairLossKernel#workspaceBytes}) and unpaired losses of more than 5120 answers ({@link
   * UnpairedLossKernel#workspaceBytes}).
   */
  public static long sufficientWorkspaceBytes() {
    NativeLibrary.require();
    try (TensorView matrix = empty(0, 1);
        TensorView vector = empty(0);
        TensorView images = empty(0, 1, 1, 1)) {
      return Math.max(
          Math.max(
              bytes(EquipoiseAbi::eqp_token_log_probs_workspace_size, matrix),
              bytes(
                  (tensor, size) -> EquipoiseAbi.eqp_pair_loss_workspace_size(null, tensor, size),
                  matrix)),
          Math.max(
              Math.max(
                  bytes(EquipoiseAbi::eqp_policy_loss_workspace_size, matrix),
                  bytes(EquipoiseAbi::eqp_group_advantage_workspace_size, vector)),
              bytes(EquipoiseAbi::eqp_linf_step_workspace_size, images)));
    }
  }

  public Pointer workspace() {
    return workspace;
  }

  public long workspaceBytes() {
    return abi().workspace_size();
  }

  /** The cudaStream_t; null: the default stream. */
  public Pointer stream() {
    return stream;
  }

  /** The encoded launch, for calls into {@link EquipoiseAbi}. */
  public eqp_launch abi() {
    if (launch.isNull()) {
      throw new IllegalStateException("this Launch is closed");
    }
    if (hasWorkspace) {
      NativeLibrary.alive("workspace of this Launch", workspace);
    }
    return launch;
  }

  /**
   * Waits for the stream and reports what kernels recorded in the workspace since the last check.
   * Does nothing for a launch without workspace or with one in host memory.
   *
   * @throws IllegalArgumentException for errors in data: a target out of range, bad offsets
   * @throws DeviceException for trouble with the device
   */
  public void check() {
    Status.check(EquipoiseAbi.eqp_check(abi()));
  }

  /** Frees the native record, not the workspace. That of a {@link CudaStream} is freed by it. */
  @Override
  public void close() {
    if (retainer == null) {
      free();
    }
  }

  void free() {
    launch.deallocate();
  }

  /** Keeps the tensors' memory alive until the call that is about to be queued is done. */
  void retain(TensorView... tensors) {
    if (retainer != null) {
      retainer.accept(tensors);
    }
  }

  /** The encoded launch, or null for none. */
  static eqp_launch abi(Launch launch) {
    return launch == null ? null : launch.abi();
  }

  private interface WorkspaceSize {
    int query(eqp_tensor tensor, long[] bytes);
  }

  private static long bytes(WorkspaceSize size, TensorView tensor) {
    long[] bytes = new long[1];
    Status.check(size.query(tensor.abi(), bytes));
    return bytes[0];
  }

  private static TensorView empty(long... shape) {
    long[] strides = new long[shape.length];
    Arrays.fill(strides, 1);
    return TensorView.strided(null, DataType.F32, Device.cuda(0), shape, strides);
  }

  private static boolean isNull(Pointer pointer) {
    return pointer == null || pointer.isNull();
  }
}
