package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_launch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LaunchTest {
  static List<KernelCase> cases() {
    return KernelCase.all();
  }

  @Test
  void theRecordHoldsWhatWasGiven() {
    try (BytePointer workspace = new BytePointer(64);
        BytePointer stream = new BytePointer(1);
        Launch launch = Launch.of(workspace, 64, stream)) {
      eqp_launch abi = launch.abi();
      assertEquals(new eqp_launch().sizeof(), abi.size());
      assertEquals(0, abi.reserved());
      assertEquals(workspace.address(), abi.workspace().address());
      assertEquals(64, abi.workspace_size());
      assertEquals(stream.address(), abi.stream().address());
      assertEquals(workspace, launch.workspace());
      assertEquals(64, launch.workspaceBytes());
      assertEquals(stream, launch.stream());
    }
    try (Launch nothing = Launch.of(null, 0, null)) {
      assertNull(nothing.abi().workspace());
      assertNull(nothing.abi().stream());
      nothing.check();
    }
  }

  @Test
  void impossibleWorkspacesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Launch.of(null, 16, null));
    assertThrows(IllegalArgumentException.class, () -> Launch.of(new Pointer(), 16, null));
    try (BytePointer memory = new BytePointer(64)) {
      assertThrows(IllegalArgumentException.class, () -> Launch.of(memory, -1, null));
      assertThrows(
          IllegalArgumentException.class,
          () -> Launch.of(new BytePointer(memory).position(16), 16, null));
    }
  }

  @Test
  void aClosedLaunchIsRefused() {
    Launch launch = Launch.of(null, 0, null);
    launch.close();
    launch.close();
    assertEquals(
        "this Launch is closed",
        assertThrows(IllegalStateException.class, launch::check).getMessage());
  }

  @Test
  void theWorkspaceServesEveryOp() {
    long bytes = Launch.sufficientWorkspaceBytes();
    long[] one = new long[1];
    try (TensorView logits =
        TensorView.strided(
            new Pointer(ByteBuffer.allocateDirect(16)),
            DataType.BF16,
            Device.cuda(0),
            new long[] {1, 8},
            new long[] {8, 1})) {
      Status.check(EquipoiseAbi.eqp_token_log_probs_workspace_size(logits.abi(), one));
      assertTrue(one[0] > 16 && one[0] <= bytes, one[0] + " of " + bytes);
      Status.check(EquipoiseAbi.eqp_policy_loss_workspace_size(logits.abi(), one));
      assertTrue(one[0] > 16 && one[0] <= bytes, one[0] + " of " + bytes);
    }
  }

  /** On the CPU a launch changes nothing, and every tensor of the call is handed on for keeping. */
  @ParameterizedTest
  @MethodSource("cases")
  void everyKernelTakesALaunch(KernelCase kernel) {
    Map<String, ByteBuffer> plain = kernel.memory(DataType.F32, DataType.F32);
    kernel.run(kernel.views(plain, DataType.F32), null);
    Map<String, ByteBuffer> launched = kernel.memory(DataType.F32, DataType.F32);
    Map<String, TensorView> views = kernel.views(launched, DataType.F32);
    List<TensorView> retained = new ArrayList<>();
    try (BytePointer workspace = new BytePointer(64)) {
      Launch launch =
          Launch.retaining(workspace, 64, null, tensors -> retained.addAll(Arrays.asList(tensors)));
      kernel.run(views, launch);
      launch.check();
      launch.close();
      launch.check(); // it belongs to its stream: closing it does nothing
      launch.free();
      assertThrows(IllegalStateException.class, () -> kernel.run(views, launch));
    }
    retained.removeIf(Objects::isNull);
    assertEquals(new ArrayList<>(views.values()), retained.subList(0, views.size()));
    Map<String, ByteBuffer> untouched = kernel.memory(DataType.F32, DataType.F32);
    for (KernelCase.Argument argument : kernel.arguments) {
      assertEquals(plain.get(argument.name()), launched.get(argument.name()), argument.name());
      if (argument.output()) {
        assertNotEquals(
            untouched.get(argument.name()), launched.get(argument.name()), argument.name());
      }
    }
  }

  private static TensorView empty(Device device) {
    return TensorView.strided(null, DataType.F32, device, new long[] {0}, new long[] {1});
  }

  @Test
  void cudaTensorsNeedAWorkspace() {
    GroupAdvantageKernel pairs = GroupAdvantageKernel.trl().groupSize(2);
    try (TensorView rewards = empty(Device.cuda(0));
        TensorView advantages = empty(Device.cuda(0))) {
      String text =
          "eqp_group_advantage: launch: expected a workspace of at least "
              + Launch.sufficientWorkspaceBytes()
              + " bytes for a CUDA tensor, found ";
      assertEquals(
          text + 0,
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      pairs.applyInto(
                          rewards, null, null, null, null, advantages, null, null, null))
              .getMessage());
      try (BytePointer workspace = new BytePointer(64);
          Launch launch = Launch.of(workspace, 64, null)) {
        assertEquals(
            text + 64,
            assertThrows(
                    IllegalArgumentException.class,
                    () ->
                        pairs.applyInto(
                            rewards, null, null, null, null, advantages, null, null, null, launch))
                .getMessage());
      }
    }
  }

  @Test
  void mixedDevicesAreNamedWithALaunchToo() {
    try (TensorView rewards = empty(Device.cuda(0));
        TensorView advantages = empty(Device.cuda(1));
        Launch launch = Launch.of(null, 0, null)) {
      assertEquals(
          "eqp_group_advantage: advantages: expected the device of rewards, cuda:0, found cuda:1",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      GroupAdvantageKernel.trl()
                          .groupSize(2)
                          .applyInto(
                              rewards,
                              null,
                              null,
                              null,
                              null,
                              advantages,
                              null,
                              null,
                              null,
                              launch))
              .getMessage());
    }
  }

  /** Where the backend is usable, an empty call succeeds; elsewhere the refusal says why. */
  @Test
  void aMissingBackendIsNamedWithItsReason() {
    String status = EquipoiseAbi.eqp_cuda_status();
    long bytes = Launch.sufficientWorkspaceBytes();
    try (TensorView rewards = empty(Device.cuda(0));
        TensorView advantages = empty(Device.cuda(0));
        BytePointer workspace = new BytePointer(bytes);
        Launch launch = Launch.of(workspace, bytes, null)) {
      Runnable call =
          () ->
              GroupAdvantageKernel.trl()
                  .groupSize(2)
                  .applyInto(rewards, null, null, null, null, advantages, null, null, null, launch);
      if (status.matches("\\d+ devices?, .*")) {
        call.run();
      } else {
        assertEquals(
            "eqp_group_advantage: a CUDA tensor was given, but the CUDA backend cannot be used: "
                + status,
            assertThrows(DeviceException.class, call::run).getMessage());
      }
    }
  }

  /** A view is an address: what it points at must not be used once a scope has freed it. */
  @Test
  void freedMemoryIsRefused() {
    TensorView view;
    TensorView nothing;
    Launch launch;
    Launch without;
    try (PointerScope scope = new PointerScope()) {
      view = TensorView.of(new FloatPointer(1, 2, 3, 4), DataType.F32, 1, 1, 2, 2);
      nothing = TensorView.of(new FloatPointer((Pointer) null), DataType.F32, 0, 1, 2, 2);
      launch = Launch.of(new BytePointer(64), 64, null);
      without = Launch.of(null, 0, null);
    }
    TranslationInvarianceKernel blur = TranslationInvarianceKernel.defaults();
    assertEquals(
        "memory of this TensorView: expected memory that is still there, found it freed: by the end"
            + " of the PointerScope it was made in, or by close(); make it outside of that scope,"
            + " or call retainReference() on it first",
        assertThrows(IllegalStateException.class, () -> blur.applyInto(view, view)).getMessage());
    String workspace = assertThrows(IllegalStateException.class, launch::check).getMessage();
    assertTrue(workspace.startsWith("workspace of this Launch: expected memory"), workspace);
    without.check();
    blur.applyInto(nothing, nothing, without);
  }

  /** The descriptor alone, which is what a native call holds, keeps the memory reachable. */
  @Test
  void descriptorsKeepMemoryAlive() throws InterruptedException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(4);
    WeakReference<ByteBuffer> memory = new WeakReference<>(buffer);
    Pointer descriptor = TensorView.of(buffer, DataType.F32, 1).abi();
    buffer = null;
    collect();
    assertTrue(memory.get() != null, "collected while its descriptor was in use");
    descriptor.deallocate();
    descriptor = null;
    for (int i = 0; i < 50 && memory.get() != null; i++) {
      collect();
    }
    assertNull(memory.get());
  }

  static void collect() throws InterruptedException {
    System.gc();
    Thread.sleep(20);
  }
}
