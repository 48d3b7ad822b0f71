/* Equipoise C ABI, whole. */
#ifndef EQUIPOISE_EQUIPOISE_H
#define EQUIPOISE_EQUIPOISE_H

#include "equipoise/gaussian_noise.h"
#include "equipoise/group_advantage.h"
#include "equipoise/input_diversity.h"
#include "equipoise/pair_loss.h"
#include "equipoise/perturbation.h"
#include "equipoise/policy_loss.h"
#include "equipoise/runtime.h"
#include "equipoise/token_log_probs.h"
#include "equipoise/translation_invariance.h"
#include "equipoise/types.h"
#include "equipoise/unpaired_loss.h"

#endif
