/* Equipoise C ABI, whole. */
#ifndef EQUIPOISE_EQUIPOISE_H
#define EQUIPOISE_EQUIPOISE_H

#include "equipoise/group_advantage.h"
#include "equipoise/pair_loss.h"
#include "equipoise/perturbation.h"
#include "equipoise/policy_loss.h"
#include "equipoise/runtime.h"
#include "equipoise/token_log_probs.h"
#include "equipoise/types.h"

#endif
