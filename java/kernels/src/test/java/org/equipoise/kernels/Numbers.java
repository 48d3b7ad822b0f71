package org.equipoise.kernels;

import java.nio.ByteBuffer;

/** Elements of every type as doubles, rounded to nearest even on the way in. */
final class Numbers {
  private Numbers() {}

  static double round(DataType type, double value) {
    return switch (type) {
      case F32 -> (float) value;
      case BF16 -> toNearest(value, 8, -126);
      case F16 -> toNearest(value, 11, -14);
      default -> value;
    };
  }

  /** Rounds to so many significant bits, fewer below the smallest normal exponent. */
  private static double toNearest(double value, int bits, int smallestExponent) {
    if (value == 0 || Double.isNaN(value) || Double.isInfinite(value)) {
      return value;
    }
    int exponent = Math.max(Math.getExponent(value), smallestExponent);
    double unit = Math.scalb(1.0, exponent - bits + 1);
    return Math.rint(value / unit) * unit;
  }

  static void put(ByteBuffer buffer, DataType type, int index, double value) {
    switch (type) {
      case F32 -> buffer.putFloat(4 * index, (float) value);
      case F64 -> buffer.putDouble(8 * index, value);
      case BF16 ->
          buffer.putShort(
              2 * index, (short) (Float.floatToRawIntBits((float) round(type, value)) >>> 16));
      case F16 -> buffer.putShort(2 * index, halfBits(round(type, value)));
      case I32 -> buffer.putInt(4 * index, (int) value);
      case I64 -> buffer.putLong(8 * index, (long) value);
      case U8, BOOL -> buffer.put(index, (byte) value);
    }
  }

  static double get(ByteBuffer buffer, DataType type, int index) {
    return switch (type) {
      case F32 -> buffer.getFloat(4 * index);
      case F64 -> buffer.getDouble(8 * index);
      case BF16 -> Float.intBitsToFloat(buffer.getShort(2 * index) << 16);
      case F16 -> half(buffer.getShort(2 * index));
      case I32 -> buffer.getInt(4 * index);
      case I64 -> buffer.getLong(8 * index);
      case U8, BOOL -> buffer.get(index) & 255;
    };
  }

  private static short halfBits(double value) {
    int sign = value < 0 || 1 / value < 0 ? 0x8000 : 0;
    double magnitude = Math.abs(value);
    if (Double.isNaN(value)) {
      return 0x7e00;
    }
    if (magnitude >= 65536) {
      return (short) (sign | 0x7c00);
    }
    int exponent = Math.max(Math.getExponent(magnitude), -15);
    int bits =
        exponent < -14
            ? (int) Math.scalb(magnitude, 24)
            : (exponent + 15 << 10) + (int) (Math.scalb(magnitude, 10 - exponent) - 1024);
    return (short) (sign | bits);
  }

  private static double half(short bits) {
    int exponent = bits >> 10 & 31;
    int fraction = bits & 1023;
    double magnitude =
        exponent == 31
            ? (fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
            : exponent == 0
                ? Math.scalb((double) fraction, -24)
                : Math.scalb(1024.0 + fraction, exponent - 25);
    return bits < 0 ? -magnitude : magnitude;
  }
}
