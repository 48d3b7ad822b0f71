package org.equipoise.torch;

import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * The published updates of the attacks in double precision, for one image in [0, 1] and an
 * objective that is maximised (torchattacks' signs). Written from the papers, without the library.
 */
final class AttackOracle {
  private AttackOracle() {}

  /** f(x) = sum a/2 (x - b)^2 + coupling/2 (sum w x)^2: every pixel's gradient knows all pixels. */
  record Quadratic(double[] a, double[] b, double[] w, double coupling) {
    double value(double[] x) {
      double sum = 0;
      double dot = 0;
      for (int k = 0; k < x.length; k++) {
        sum += a[k] / 2 * (x[k] - b[k]) * (x[k] - b[k]);
        dot += w[k] * x[k];
      }
      return sum + coupling / 2 * dot * dot;
    }

    double[] gradient(double[] x) {
      double dot = 0;
      for (int k = 0; k < x.length; k++) {
        dot += w[k] * x[k];
      }
      double[] g = new double[x.length];
      for (int k = 0; k < x.length; k++) {
        g[k] = a[k] * (x[k] - b[k]) + coupling * dot * w[k];
      }
      return g;
    }
  }

  static double[] projectLinf(double[] y, double[] original, double epsilon) {
    double[] out = new double[y.length];
    for (int k = 0; k < y.length; k++) {
      double inBall = Math.max(original[k] - epsilon, Math.min(original[k] + epsilon, y[k]));
      out[k] = Math.max(0, Math.min(1, inBall));
    }
    return out;
  }

  static double norm(double[] v) {
    return Math.sqrt(Arrays.stream(v).map(e -> e * e).sum());
  }

  static double[] plus(double[] x, double factor, double[] y) {
    double[] out = new double[x.length];
    for (int k = 0; k < x.length; k++) {
      out[k] = x[k] + factor * y[k];
    }
    return out;
  }

  static double[] signs(double[] g) {
    return Arrays.stream(g).map(Math::signum).toArray();
  }

  static double[] projectL2(double[] y, double[] original, double epsilon) {
    double[] change = plus(y, -1, original);
    double factor = Math.min(1, epsilon / norm(change));
    double[] out = new double[y.length];
    for (int k = 0; k < y.length; k++) {
      out[k] = Math.max(0, Math.min(1, original[k] + factor * change[k]));
    }
    return out;
  }

  /** BIM and PGD: x + alpha sign(g), projected. */
  static double[] pgd(
      Quadratic f, double[] original, double[] start, double epsilon, double alpha, int steps) {
    double[] x = start;
    for (int t = 0; t < steps; t++) {
      x = projectLinf(plus(x, alpha, signs(f.gradient(x))), original, epsilon);
    }
    return x;
  }

  static double[] pgdL2(
      Quadratic f, double[] original, double[] start, double epsilon, double alpha, int steps) {
    double[] x = start;
    for (int t = 0; t < steps; t++) {
      double[] g = f.gradient(x);
      x = projectL2(plus(x, alpha / norm(g), g), original, epsilon);
    }
    return x;
  }

  /** MI, NI (nesterov) and VMI (neighbour noises given per step): M = g / mean|g| + mu M. */
  static double[] momentum(
      Quadratic f,
      double[] original,
      double epsilon,
      double alpha,
      int steps,
      double mu,
      boolean nesterov,
      double[][][] neighbourNoise,
      UnaryOperator<double[]> blur) {
    double[] x = original;
    double[] m = new double[x.length];
    double[] v = new double[x.length];
    for (int t = 0; t < steps; t++) {
      double[] at = nesterov ? plus(x, mu * alpha, m) : x;
      double[] g = blur.apply(f.gradient(at));
      double[] used = plus(g, 1, v);
      double mean = Arrays.stream(used).map(Math::abs).average().orElse(0);
      for (int k = 0; k < m.length; k++) {
        m[k] = used[k] / mean + mu * m[k];
      }
      if (neighbourNoise != null) {
        double[] sum = new double[x.length];
        for (double[] noise : neighbourNoise[t]) {
          sum = plus(sum, 1.0 / neighbourNoise[t].length, f.gradient(plus(x, 1, noise)));
        }
        v = plus(sum, -1, g);
      }
      x = projectLinf(plus(x, alpha, signs(m)), original, epsilon);
    }
    return x;
  }

  /** APGD, algorithm 1 of arXiv 2003.01690; the best iterate. */
  static double[] apgd(
      Quadratic f, double[] original, double[] start, double epsilon, int steps, boolean l2) {
    double eta = 2 * epsilon;
    double[] before = start;
    double[] x = start;
    double[] best = start;
    double bestValue = f.value(start);
    double lastValue = bestValue;
    int[] checkpoints = {22, 41, 57, 70, 80, 87, 93, 99, 105}; // percent of the steps
    int checkpoint = 0;
    int wBefore = 0;
    int rises = 0;
    double bestAtW = bestValue;
    boolean halvedAtW = false;
    for (int k = 0; k < steps; k++) {
      double[] z = apgdStep(f, original, x, epsilon, eta, l2);
      double[] y = k == 0 ? z : plus(plus(x, 0.75, plus(z, -1, x)), 0.25, plus(x, -1, before));
      double[] next = l2 ? projectL2(y, original, epsilon) : projectLinf(y, original, epsilon);
      before = x;
      x = next;
      double value = f.value(x);
      rises += value > lastValue ? 1 : 0;
      lastValue = value;
      if (value > bestValue) {
        bestValue = value;
        best = x;
      }
      int w = (checkpoints[checkpoint] * steps + 99) / 100;
      if (k + 1 >= w) {
        boolean rarely = rises < 0.75 * (k + 1 - wBefore);
        boolean stuck = !halvedAtW && bestValue == bestAtW;
        if (rarely || stuck) {
          eta /= 2;
          x = best;
          lastValue = bestValue;
        }
        halvedAtW = rarely || stuck;
        bestAtW = bestValue;
        rises = 0;
        checkpoint++;
        wBefore = k + 1;
      }
    }
    return best;
  }

  private static double[] apgdStep(
      Quadratic f, double[] original, double[] x, double epsilon, double eta, boolean l2) {
    double[] g = f.gradient(x);
    return l2
        ? projectL2(plus(x, eta / norm(g), g), original, epsilon)
        : projectLinf(plus(x, eta, signs(g)), original, epsilon);
  }
}
