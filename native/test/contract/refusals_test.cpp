// Every documented error gives its status and a text that names the op and the argument and says
// what was expected and what was found; a refused call writes nothing.
#include <cmath>
#include <cstring>
#include <functional>

#include "contract/refusal.h"
#include "harness/check.h"
#include "harness/entries.h"

namespace eqp::test {
namespace {

Backend& cpu() { return cpu_backend(); }

}  // namespace

EQP_TEST(legal_calls_are_accepted) {
  Random random(1);
  for (const Op& op : ops()) {
    for (int i = 0; i < 50; ++i) {
      LegalCall call(cpu(), op, random, i == 0);
      const eqp_status status = call.invoke();
      EQP_CHECK(status == EQP_OK, "%s: expected EQP_OK, found %d: %s", op.entry, status,
                eqp_last_error());
      const std::string damage = call.damage(false);
      EQP_CHECK(damage.empty(), "%s: %s", op.entry, damage.c_str());
    }
  }
}

EQP_TEST(every_argument_is_checked) {
  for (const Op& op : ops()) {
    for (size_t i = 0; i < op.arguments.size(); ++i) {
      const Argument& argument = op.arguments[i];
      const std::string name = argument.name;
      const auto change = [&](const std::string& what,
                              const std::function<void(eqp_tensor&)>& edit) {
        refuse(op, name + " " + what, name, [&](LegalCall& call) {
          edit(call.tensors[i]);
          return true;
        });
      };
      if (argument.required) {
        refuse(op, name + " is NULL", name, [&](LegalCall& call) {
          call.present[i] = false;
          return true;
        });
      }
      for (const eqp_dtype unknown : {-1, 0, 9, 1 << 30}) {
        change(format("of dtype code %d", unknown), [&](eqp_tensor& t) { t.dtype = unknown; });
      }
      change("of another dtype", [](eqp_tensor& t) {
        t.dtype = t.dtype == EQP_I64 || t.dtype == EQP_I32 ? EQP_F32 : EQP_I64;
      });
      change("on an unknown device", [](eqp_tensor& t) { t.device_type = 7; });
      change("without data", [](eqp_tensor& t) { t.data = nullptr; });
      for (const int32_t ndim : {-1, 5, 1 << 20}) {
        change(format("with ndim %d", ndim), [&](eqp_tensor& t) { t.ndim = ndim; });
      }
      change("of negative size", [](eqp_tensor& t) { t.shape[t.ndim - 1] = -3; });
      change("of huge size", [](eqp_tensor& t) { t.shape[0] = INT64_MAX; });
      change("of huge stride", [](eqp_tensor& t) {
        t.stride[0] = INT64_MAX / 2;
        t.shape[0] = 4;
      });
      refuse(op, name + " with inner stride 2", name, [&](LegalCall& call) {
        eqp_tensor& t = call.tensors[i];
        if (t.shape[t.ndim - 1] < 2) return false;
        t.stride[t.ndim - 1] = 2;
        return true;
      });
      refuse(op, name + " at an address between elements", name, [&](LegalCall& call) {
        eqp_tensor& t = call.tensors[i];
        if (dtype_bytes(t.dtype) == 1) return false;
        t.data = static_cast<char*>(t.data) + 1;
        return true;
      });
      if (argument.role == Role::kInput) continue;
      refuse(op, name + " with elements on top of each other", name, [&](LegalCall& call) {
        eqp_tensor& t = call.tensors[i];
        if (t.ndim < 2) return false;
        t.stride[t.ndim - 2] = t.shape[t.ndim - 1] - 1;
        return true;
      });
      // In the memory of each other argument, half an output further: legal nowhere.
      for (size_t j = 0; j < op.arguments.size(); ++j) {
        if (j == i) continue;
        refuse(op, name + " inside the memory of " + op.arguments[j].name, "",
               [&](LegalCall& call) {
                 eqp_tensor& t = call.tensors[i];
                 const eqp_tensor& other = call.tensors[j];
                 const int64_t bytes = dtype_bytes(t.dtype);
                 if (call.buffer(j).size() * dtype_bytes(other.dtype) < 2 * bytes) return false;
                 const uintptr_t inside =
                     reinterpret_cast<uintptr_t>(other.data) + static_cast<uintptr_t>(bytes);
                 t.data = reinterpret_cast<void*>(inside / static_cast<uintptr_t>(bytes) *
                                                  static_cast<uintptr_t>(bytes));
                 return true;
               });
      }
    }
  }
}

EQP_TEST(shapes_must_fit_each_other) {
  // Sizes that nothing else determines: changing them alone is legal.
  const std::vector<std::string> free_sizes = {"group_advantage.offsets.0"};
  for (const Op& op : ops()) {
    for (size_t i = 0; i < op.arguments.size(); ++i) {
      for (int d = 0; d < EQP_MAX_DIMS; ++d) {
        const std::string size = format("%s.%s.%d", op.entry, op.arguments[i].name, d);
        bool is_free = false;
        for (const std::string& free_size : free_sizes) is_free = is_free || size == free_size;
        if (is_free) continue;
        refuse(op, size + " is one less", "", [&](LegalCall& call) {
          eqp_tensor& t = call.tensors[i];
          if (d >= t.ndim || t.shape[d] < 2) return false;
          --t.shape[d];
          return true;
        });
      }
    }
  }
}

EQP_TEST(options_of_other_versions_and_combinations) {
  for (const Op& op : ops()) {
    for (const uint32_t size : {0u, 3u, 4097u, 0xffffffffu}) {
      refuse(op, format("options of size %u", size), "options", [&](LegalCall& call) {
        memcpy(call.options_bytes.data(), &size, sizeof(size));
        return true;
      });
    }
    const uint32_t larger = static_cast<uint32_t>(op.options_bytes) + 8;
    refuse(op, "a byte beyond the known options is set", "options", [&](LegalCall& call) {
      memcpy(call.options_bytes.data(), &larger, sizeof(larger));
      call.options_bytes[op.options_bytes + 5] = 1;
      return true;
    });
    Random random(7);
    LegalCall newer(cpu(), op, random, true);
    memcpy(newer.options_bytes.data(), &larger, sizeof(larger));
    EQP_CHECK(newer.invoke() == EQP_OK,
              "%s: expected zeros beyond the known options to be accepted: %s", op.entry,
              eqp_last_error());
    LegalCall older(cpu(), op, random, true);
    older.use_defaults();
    const uint32_t smaller = sizeof(uint32_t);
    memcpy(older.options_bytes.data(), &smaller, sizeof(smaller));
    memset(older.options_bytes.data() + 4, 0xff, op.options_bytes - 4);
    EQP_CHECK(older.invoke() == EQP_OK, "%s: expected defaults beyond the caller's size: %s",
              op.entry, eqp_last_error());
  }
  // 1/3e-39 is the largest of its kind that a float can hold.
  for (const char* entry : {"token_log_probs_forward", "token_log_probs_backward"}) {
    Random random(5);
    LegalCall least(cpu(), op_named(entry), random, true);
    least.options<eqp_token_log_probs_options>().temperature = 3e-39f;
    EQP_CHECK(least.invoke() == EQP_OK, "%s: temperature 3e-39: %s", entry, eqp_last_error());
  }
  refuse(op_named("policy_loss"), "the sequences of a batch beside DAPO",
         "total_sequences: expected 0", [](LegalCall& call) {
           auto& options = call.options<eqp_policy_loss_options>();
           options.normalizer = EQP_POLICY_NORMALIZER_DAPO;
           options.max_completion_length = 0;
           options.total_sequences = 5;
           options.total_kept_tokens = options.entropy_coefficient == 0 ? 0 : 5;
           return true;
         });
  // A bonus that would be divided by the tokens of the call alone.
  refuse(op_named("policy_loss"), "a part of a batch with a bonus",
         "total_kept_tokens: expected the", [](LegalCall& call) {
           auto& options = call.options<eqp_policy_loss_options>();
           options.normalizer = EQP_POLICY_NORMALIZER_GRPO;
           options.max_completion_length = options.total_tokens = 0;
           options.entropy_coefficient = 0.5;
           options.total_sequences = 5;
           options.total_kept_tokens = 0;
           return true;
         });
  refuse(op_named("gaussian_noise"), "bounds in the wrong order", "lower", [](LegalCall& call) {
    call.options<eqp_gaussian_noise_options>().lower = 0.5f;
    call.options<eqp_gaussian_noise_options>().upper = 0.25f;
    return true;
  });
  refuse(op_named("gaussian_noise"), "copies", "pixel_space.copies: expected 0 or 1, found 2",
         [](LegalCall& call) {
           for (eqp_tensor& t : call.tensors) {
             if (t.ndim != 4) continue;
             t.shape[2] = 2;
           }
           if (call.tensors[0].ndim != 4) return false;
           call.options<eqp_gaussian_noise_options>().pixel_space.copies = 2;
           return true;
         });
}

EQP_TEST(arguments_that_belong_together) {
  const auto drop = [](
                        const char* entry, const std::vector<const char*>& names, const char* about,
                        const std::function<void(LegalCall&)>& edit = [](LegalCall&) {}) {
    const Op& op = op_named(entry);
    refuse(op, format("without %s", names[0]), about, [&](LegalCall& call) {
      for (const char* name : names) call.present[static_cast<size_t>(op.index_of(name))] = false;
      edit(call);
      return true;
    });
  };
  drop("pair_loss", {"reference_chosen"}, "reference_chosen: expected both");
  drop("pair_loss", {"reference_rejected"}, "reference_rejected: expected both");
  refuse(op_named("pair_loss"), "a pair less on the whole rejected side", "policy_rejected",
         [](LegalCall& call) {
           for (const char* name : {"policy_rejected", "reference_rejected", "mask_rejected",
                                    "d_policy_rejected", "rewards_rejected"}) {
             --call.tensors[static_cast<size_t>(call.op().index_of(name))].shape[0];
           }
           return true;
         });
  drop("token_log_probs_backward", {"d_log_probs", "d_entropy"}, "d_log_probs");
  drop("token_log_probs_backward", {"entropy"}, "entropy");
  drop("eight_bit", {"out", "codes"}, "out");
  drop("eight_bit", {"original"}, "original",
       [](LegalCall& call) { call.options<eqp_eight_bit_options>().epsilon = 0.1f; });
  drop("unpaired_loss", {"kl_log_probs", "kl_reference_log_probs", "kl_mask"},
       "kl_log_probs: expected a tensor because kind is KTO");
  const auto use_bco = [](LegalCall& call) {
    call.options<eqp_unpaired_loss_options>().kind = EQP_UNPAIRED_LOSS_BCO;
  };
  drop("unpaired_loss", {"kl_log_probs", "kl_mask"},
       "kl_reference_log_probs: expected NULL without kl_log_probs", use_bco);
  drop("unpaired_loss", {"kl_log_probs", "kl_reference_log_probs"},
       "kl_mask: expected NULL without kl_log_probs", use_bco);
  drop("policy_loss", {"reference_log_probs"}, "reference_log_probs",
       [](LegalCall& call) { call.options<eqp_policy_loss_options>().kl_beta = 0.1; });
  drop("policy_loss", {"sampler_log_probs"}, "sampler_log_probs", [](LegalCall& call) {
    call.options<eqp_policy_loss_options>().sampler_correction = EQP_SAMPLER_CORRECTION_MASK;
  });
  drop("policy_loss", {"entropy"},
       "entropy: expected a tensor because there is an entropy_threshold");
  drop("policy_loss", {"entropy", "entropy_threshold"},
       "entropy: expected a tensor because there is a d_entropy");
  drop("policy_loss", {"entropy", "entropy_threshold", "d_entropy"},
       "entropy: expected a tensor because entropy_coefficient is not 0",
       [](LegalCall& call) { call.options<eqp_policy_loss_options>().entropy_coefficient = 0.1; });
  const auto refuse_policy = [](const char* what, const char* about,
                                const std::function<void(eqp_policy_loss_options&)>& edit) {
    refuse(op_named("policy_loss"), what, about, [&](LegalCall& call) {
      edit(call.options<eqp_policy_loss_options>());
      return true;
    });
  };
  refuse_policy("dual clip of another surrogate", "dual_clip: expected +Inf because only CLIP",
                [](eqp_policy_loss_options& o) {
                  o.surrogate = EQP_POLICY_SURROGATE_SAPO;
                  o.dual_clip = 3;
                });
  refuse_policy("a level of the importance for VESPO", "importance: expected TOKEN because VESPO",
                [](eqp_policy_loss_options& o) {
                  o.surrogate = EQP_POLICY_SURROGATE_VESPO;
                  o.importance = EQP_POLICY_IMPORTANCE_SEQUENCE;
                });
  refuse_policy("sequence ratios of the sampler for VESPO", "sampler_level: expected TOKEN",
                [](eqp_policy_loss_options& o) {
                  o.surrogate = EQP_POLICY_SURROGATE_VESPO;
                  o.sampler_correction = EQP_SAMPLER_CORRECTION_MASK;
                  o.sampler_level = EQP_POLICY_IMPORTANCE_SEQUENCE;
                });
  refuse(op_named("policy_loss"), "an advantage per token for GMPO", "advantages",
         [](LegalCall& call) {
           call.options<eqp_policy_loss_options>().surrogate = EQP_POLICY_SURROGATE_GMPO;
           return call.tensors[static_cast<size_t>(call.op().index_of("advantages"))].ndim == 2;
         });
  for (const char* op : {"linf_step", "l2_step", "uniform_start", "image_norms"}) {
    refuse(op_named(op), "rows without an image", "offsets", [](LegalCall& call) {
      call.tensors[static_cast<size_t>(call.op().index_of("offsets"))].shape[0] = 1;
      return true;
    });
  }
  drop("group_advantage", {"offsets"}, "group_size");
  drop("group_advantage", {"baselines"}, "baselines");
  drop("group_advantage", {"lengths"}, "lengths", [](LegalCall& call) {
    call.options<eqp_group_advantage_options>().baseline = EQP_ADVANTAGE_BASELINE_LENGTHS;
    call.present[static_cast<size_t>(call.op().index_of("baselines"))] = false;
  });
  for (const eqp_advantage_scale scale : {EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALE_BATCH}) {
    refuse(op_named("group_advantage"), "a standard deviation around given baselines", "scale",
           [scale](LegalCall& call) {
             call.options<eqp_group_advantage_options>().scale = scale;
             // Lengths that nothing reads would be refused too.
             call.present[static_cast<size_t>(call.op().index_of("lengths"))] = false;
             return true;
           });
  }
  refuse(op_named("group_advantage"), "lengths that nothing reads", "lengths", [](LegalCall& call) {
    call.options<eqp_group_advantage_options>().scale = EQP_ADVANTAGE_SCALE_NONE;
    return true;
  });
  refuse(op_named("group_advantage"), "baselines that nothing reads", "baselines",
         [](LegalCall& call) {
           call.options<eqp_group_advantage_options>().baseline = EQP_ADVANTAGE_BASELINE_MEAN;
           return true;
         });
  drop("group_advantage", {"offsets"}, "group_size",
       [](LegalCall& call) { call.options<eqp_group_advantage_options>().group_size = 4; });
  refuse(op_named("policy_loss"), "dr_grpo without a length", "max_completion_length",
         [](LegalCall& call) {
           call.options<eqp_policy_loss_options>().normalizer = EQP_POLICY_NORMALIZER_DR_GRPO;
           return true;
         });
  for (const double length : {0.5, -8.0, __builtin_nan(""), __builtin_inf()}) {
    refuse(op_named("policy_loss"), format("dr_grpo with the length %g", length),
           "max_completion_length: expected a finite number >= 1", [&](LegalCall& call) {
             call.options<eqp_policy_loss_options>().normalizer = EQP_POLICY_NORMALIZER_DR_GRPO;
             call.options<eqp_policy_loss_options>().max_completion_length = length;
             return true;
           });
  }
  for (const double tokens : {-1.0, __builtin_nan(""), __builtin_inf()}) {
    refuse(op_named("policy_loss"), format("dapo with %g tokens", tokens),
           "total_tokens: expected a finite number >= 0", [&](LegalCall& call) {
             call.options<eqp_policy_loss_options>().normalizer = EQP_POLICY_NORMALIZER_DAPO;
             call.options<eqp_policy_loss_options>().total_tokens = tokens;
             return true;
           });
  }
  refuse(op_named("policy_loss"), "tokens that are not used",
         "total_tokens: expected a finite number >= 0 for DAPO, otherwise 0", [](LegalCall& call) {
           call.options<eqp_policy_loss_options>().total_tokens = 8;
           return true;
         });
  refuse(op_named("policy_loss"), "a length that is not used", "max_completion_length",
         [](LegalCall& call) {
           call.options<eqp_policy_loss_options>().max_completion_length = 8;
           return true;
         });
  const std::pair<const char*, size_t> pixel_spaces[] = {
      {"linf_step", offsetof(eqp_linf_step_options, pixel_space)},
      {"l2_step", offsetof(eqp_l2_step_options, pixel_space)},
      {"uniform_start", offsetof(eqp_uniform_start_options, pixel_space)},
      {"eight_bit", offsetof(eqp_eight_bit_options, pixel_space)},
      {"image_norms", offsetof(eqp_image_norms_options, pixel_space)},
      {"gaussian_noise", offsetof(eqp_gaussian_noise_options, pixel_space)}};
  for (const auto& [entry, at] : pixel_spaces) {
    eqp_pixel_space bad[7] = {};
    for (eqp_pixel_space& space : bad) {
      space.channels = 3;
      for (float& std : space.std) std = 0.5f;
    }
    bad[0].channels = 2;
    bad[1].channels = -1;
    bad[2].std[2] = 0;
    bad[3].std[0] = __builtin_nanf("");
    bad[4].mean[1] = __builtin_inff();
    bad[5].copies = -1;
    bad[6].copies = 1000;
    for (const eqp_pixel_space& space : bad) {
      refuse(op_named(entry), "a bad pixel space", "pixel_space", [&, at = at](LegalCall& call) {
        memcpy(call.options_bytes.data() + at, &space, sizeof(space));
        return true;
      });
    }
  }
}

EQP_TEST(the_number_of_channels_of_a_pixel_space_is_bounded) {
  refuse(op_named("linf_step"), "-1 channels", "pixel_space.channels: expected 0 to 4, found -1",
         [](LegalCall& call) {
           call.options<eqp_linf_step_options>().pixel_space.channels = -1;
           return true;
         });
}

EQP_TEST(sides_of_diverse_images_are_bounded) {
  for (const int d : {2, 3}) {
    refuse(op_named("input_diversity_forward"), format("dimension %d of 32768", d),
           "images: expected sides up to 32767 pixels", [&](LegalCall& call) {
             for (eqp_tensor& t : call.tensors) {
               if (t.ndim != 4) continue;
               t.shape[d] = 32768;
               t.shape[5 - d] = 0;
             }
             return true;
           });
  }
}

EQP_TEST(diffusion_scales_of_steps) {
  float signal = -1, deviation = -1;
  for (const int32_t step : {-1, 1000, INT32_MIN}) {
    EQP_CHECK(eqp_diffusion_scales(step, &signal, &deviation) == EQP_INVALID_ARGUMENT,
              "step %d: expected a refusal", step);
    EQP_CHECK(contains(eqp_last_error(), "eqp_diffusion_scales: step: expected 0 to 999"),
              "found '%s'", eqp_last_error());
  }
  EQP_CHECK(eqp_diffusion_scales(1, nullptr, &deviation) == EQP_INVALID_ARGUMENT &&
                contains(eqp_last_error(), "signal: expected an address"),
            "found '%s'", eqp_last_error());
  EQP_CHECK(eqp_diffusion_scales(1, &signal, nullptr) == EQP_INVALID_ARGUMENT &&
                contains(eqp_last_error(), "deviation: expected an address"),
            "found '%s'", eqp_last_error());
  EQP_CHECK(signal == -1 && deviation == -1, "a refused call wrote");
  double kept = 1;
  for (int step = 0; step < 1000; ++step) {
    const double x = -6.0 + 12.0 * step / 999;
    kept *= 1 - ((5e-3 - 1e-5) / (1 + exp(-x)) + 1e-5);
    EQP_CHECK(eqp_diffusion_scales(step, &signal, &deviation) == EQP_OK, "%s", eqp_last_error());
    // One rounding to f32; the product of doubles is far closer.
    EQP_CHECK(fabs(static_cast<double>(signal) - sqrt(kept)) <= 0x1.001p-24 * sqrt(kept),
              "step %d: expected %.9g, found %.9g", step, sqrt(kept), static_cast<double>(signal));
    EQP_CHECK(fabs(static_cast<double>(deviation) - sqrt(1 - kept)) <= 0x1.001p-24 * sqrt(1 - kept),
              "step %d: expected %.9g, found %.9g", step, sqrt(1 - kept),
              static_cast<double>(deviation));
  }
}

// Image and channel strides are free, rows follow each other: rows that are one pixel further apart
// are refused, and the stride of a single row or of rows without pixels means nothing.
EQP_TEST(channel_planes_are_contiguous) {
  for (const char* entry :
       {"linf_step", "l2_step", "uniform_start", "eight_bit", "image_norms", "gaussian_noise",
        "input_diversity_forward", "input_diversity_backward", "translation_invariance"}) {
    const Op& op = op_named(entry);
    for (size_t i = 0; i < op.arguments.size(); ++i) {
      refuse(op, std::string(op.arguments[i].name) + " with a gap after each row",
             std::string(op.arguments[i].name) + ": expected contiguous channel planes",
             [&](LegalCall& call) {
               eqp_tensor& t = call.tensors[i];
               if (t.ndim != 4) return false;
               EQP_CHECK(t.shape[2] > 1, "expected several rows, found %d",
                         static_cast<int>(t.shape[2]));
               // The other strides grow as well, so that nothing else is wrong.
               for (int d = 0; d < 3; ++d) t.stride[d] += t.shape[2];
               t.stride[2] = t.shape[3] + 1;
               return true;
             });
    }
    for (const bool single_row : {true, false}) {
      Random random(404);
      LegalCall call(cpu(), op, random, true);
      for (eqp_tensor& t : call.tensors) {
        if (t.ndim != 4) continue;
        t.stride[2] = t.shape[3] + 1;
        if (single_row) t.shape[2] = 1;
        if (!single_row) t.shape[3] = 0;
      }
      EQP_CHECK(call.invoke() == EQP_OK, "%s, single row %d: expected EQP_OK, found '%s'", entry,
                single_row, eqp_last_error());
    }
  }
}

// 24 KiB and a double per row, at least what every op needs on a device.
EQP_TEST(workspace_of_unpaired_loss_grows_with_the_rows) {
  const std::pair<int64_t, uint64_t> sizes[] = {{0, 65536}, {5120, 65536}, {5121, 65544}};
  for (const auto& [rows, expected] : sizes) {
    float element = 0;
    eqp_tensor log_probs = {};
    log_probs.data = &element;
    log_probs.dtype = EQP_F32;
    log_probs.device_type = EQP_CUDA;
    log_probs.ndim = 2;
    log_probs.shape[0] = rows;
    log_probs.shape[1] = log_probs.stride[0] = log_probs.stride[1] = 1;
    uint64_t bytes = 7;
    EQP_CHECK(eqp_unpaired_loss_workspace_size(&log_probs, &bytes) == EQP_OK && bytes == expected,
              "%lld rows: found %llu bytes, %s", static_cast<long long>(rows),
              static_cast<unsigned long long>(bytes), eqp_last_error());
    log_probs.device_type = EQP_CPU;
    EQP_CHECK(eqp_unpaired_loss_workspace_size(&log_probs, &bytes) == EQP_OK && bytes == 0,
              "%lld rows on the CPU: found %llu bytes", static_cast<long long>(rows),
              static_cast<unsigned long long>(bytes));
  }
}

EQP_TEST(unpaired_loss_demands_the_workspace_of_its_rows) {
  constexpr int64_t kRows = 5121;
  std::vector<float> values(kRows);
  std::vector<uint8_t> flags(kRows, 1);
  const auto on_cuda = [](void* data, eqp_dtype dtype, int dims) {
    eqp_tensor t = {};
    t.data = data;
    t.dtype = dtype;
    t.device_type = EQP_CUDA;
    t.ndim = dims;
    t.shape[0] = kRows;
    t.shape[1] = t.stride[0] = t.stride[1] = 1;
    return t;
  };
  float loss_value = 0;
  const eqp_tensor log_probs = on_cuda(values.data(), EQP_F32, 2);
  const eqp_tensor mask = on_cuda(flags.data(), EQP_BOOL, 2);
  const eqp_tensor labels = on_cuda(flags.data(), EQP_BOOL, 1);
  const eqp_tensor loss = on_cuda(&loss_value, EQP_F32, 0);
  eqp_unpaired_loss_options options;
  eqp_unpaired_loss_options_init(&options);
  options.kind = EQP_UNPAIRED_LOSS_APO_ZERO_UNPAIRED;
  alignas(16) static char workspace[65544];
  eqp_launch launch = {};
  launch.size = sizeof(launch);
  launch.workspace = workspace;
  launch.workspace_size = sizeof(workspace) - 1;
  const eqp_status status = eqp_unpaired_loss(&options, &log_probs, nullptr, &mask, &labels,
                                              nullptr, nullptr, nullptr, nullptr, nullptr, &loss,
                                              nullptr, nullptr, nullptr, nullptr, nullptr, &launch);
  EQP_CHECK(status == EQP_INVALID_ARGUMENT && strstr(eqp_last_error(), "65544") != nullptr,
            "expected a refusal that names 65544 bytes, found %d: %s", status, eqp_last_error());
}

EQP_TEST(workspace_queries_check_their_arguments) {
  Random random(404);
  for (const Op& op : ops()) {
    if (op.workspace_size == nullptr) continue;
    LegalCall call(cpu(), op, random, true);
    uint64_t bytes = 7;
    EQP_CHECK(op.workspace_size(cpu().entries(), nullptr, nullptr, &bytes) == EQP_INVALID_ARGUMENT,
              "%s: expected a refusal of NULL, found '%s'", op.entry, eqp_last_error());
    EQP_CHECK(op.workspace_size(cpu().entries(), nullptr, &call.tensors[0], nullptr) ==
                  EQP_INVALID_ARGUMENT,
              "%s: expected a refusal of bytes NULL, found '%s'", op.entry, eqp_last_error());
    EQP_CHECK(bytes == 7, "%s: a refused query wrote", op.entry);
    EQP_CHECK(op.workspace_size(cpu().entries(), nullptr, &call.tensors[0], &bytes) == EQP_OK,
              "%s: expected EQP_OK, found '%s'", op.entry, eqp_last_error());
  }
}

EQP_TEST(devices_and_launches) {
  const bool has_cuda = make_cuda_backend()->skip_reason().empty();
  for (const Op& op : ops()) {
    refuse(op, "two devices in one call", op.arguments[1].name, [](LegalCall& call) {
      call.tensors[1].device_type = EQP_CUDA;
      return call.present[1];
    });
    refuse(op, "launch of another size", "launch", [](LegalCall& call) {
      call.launch.size = 3;
      return true;
    });
    refuse(op, "launch with reserved set", "launch", [](LegalCall& call) {
      call.launch.reserved = 1;
      return true;
    });
    // Whether the op needs any of it or not, on any device.
    alignas(16) static char memory[1 << 20];
    for (const int32_t device_type : {EQP_CPU, EQP_CUDA}) {
      refuse(op, "a misaligned workspace", "workspace aligned to 16 bytes", [&](LegalCall& call) {
        for (eqp_tensor& tensor : call.tensors) tensor.device_type = device_type;
        call.launch.workspace = memory + 8;
        call.launch.workspace_size = sizeof(memory) - 8;
        return true;
      });
      refuse(op, "misaligned errors", "errors aligned to 16 bytes", [&](LegalCall& call) {
        for (eqp_tensor& tensor : call.tensors) tensor.device_type = device_type;
        call.launch.workspace = memory;
        call.launch.workspace_size = sizeof(memory);
        call.launch.errors = memory + 4;
        return true;
      });
    }
    if (has_cuda) continue;
    // Without a device the answer is a status and a text, not a crash and not the CPU.
    Random random(3);
    LegalCall call(cpu(), op, random, true);
    alignas(16) static char workspace[1 << 20];
    for (eqp_tensor& tensor : call.tensors) tensor.device_type = EQP_CUDA;
    call.launch.workspace = workspace;
    call.launch.workspace_size = sizeof(workspace);
    const eqp_status status = call.invoke();
    EQP_CHECK(status == EQP_DEVICE_ERROR || status == EQP_UNSUPPORTED,
              "%s: expected EQP_DEVICE_ERROR, found %d: %s", op.entry, status, eqp_last_error());
    EQP_CHECK(call.damage(true).empty(), "%s: a refused call wrote", op.entry);
  }
  const char* const status = eqp_cuda_status();
  EQP_CHECK(status != nullptr && status[0] != 0 && strchr(status, '\n') == nullptr,
            "expected one line about CUDA, found '%s'", status == nullptr ? "NULL" : status);
}

EQP_TEST(half_precision_is_unsupported_on_the_cpu) {
  for (const char* entry : {"token_log_probs_forward", "token_log_probs_backward"}) {
    refuse(
        op_named(entry), "f16 logits", "logits",
        [](LegalCall& call) {
          call.tensors[0].dtype = EQP_F16;
          return true;
        },
        EQP_UNSUPPORTED);
  }
}

EQP_TEST(in_place_is_allowed_where_documented_and_nowhere_else) {
  struct Pair {
    const char *entry, *output, *input;
  };
  const Pair allowed[] = {{"token_log_probs_backward", "d_logits", "logits"},
                          {"linf_step", "out", "pixels"},
                          {"l2_step", "out", "pixels"},
                          {"uniform_start", "out", "original"},
                          {"eight_bit", "out", "pixels"},
                          {"gaussian_noise", "out", "images"}};
  for (const Op& op : ops()) {
    for (size_t out = 0; out < op.arguments.size(); ++out) {
      if (op.arguments[out].role == Role::kInput) continue;
      for (size_t in = 0; in < op.arguments.size(); ++in) {
        if (in == out) continue;
        bool is_allowed = false;
        for (const Pair& pair : allowed) {
          is_allowed = is_allowed || (std::string(pair.entry) == op.entry &&
                                      std::string(pair.output) == op.arguments[out].name &&
                                      std::string(pair.input) == op.arguments[in].name);
        }
        Random random(11);
        LegalCall call(cpu(), op, random, true);
        if (call.buffer(in).size() == 0 || call.buffer(out).size() == 0) continue;
        call.tensors[out].data = call.tensors[in].data;
        // An address that is no multiple of the output's element is refused for that alone; also
        // right.
        if (!is_allowed) {
          expect_refusal(
              call,
              std::string(op.arguments[out].name) + " in the memory of " + op.arguments[in].name,
              "");
        } else {
          for (int d = 0; d < EQP_MAX_DIMS; ++d)
            call.tensors[out].stride[d] = call.tensors[in].stride[d];
          const eqp_status status = call.invoke();
          EQP_CHECK(status == EQP_OK, "%s: expected in place to work, found %d: %s", op.entry,
                    status, eqp_last_error());
        }
      }
    }
  }
}

}  // namespace eqp::test
