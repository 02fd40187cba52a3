// SPDX-License-Identifier: MIT
// Numbers as the interpreter writes them: exact integers, at most eleven digits behind the point
// that are cut and not rounded, an exponent from 1e21 and below 1e-6. Text made by `+` or a
// template literal is the host engine's and is not covered.

const NEAR = 1e-7;
const MAX_FRACTION_DIGITS = 11;
const MAX_INT = 0x7fffffff;

/** Splits a positive number into a mantissa in the interpreter's range and a decimal exponent. */
function normalise(value: number): { mantissa: number; exponent: number } {
  let mantissa = value;
  let exponent = 0;
  // Big steps first: the interpreter does the same, and the rounding errors show in the digits.
  if (value >= 1e21) {
    for (; mantissa > 1e5; exponent += 5) mantissa /= 1e5;
    for (; mantissa > 10; exponent++) mantissa /= 10;
  } else if (value < 1e-6) {
    for (; mantissa < 1e-5; exponent -= 5) mantissa *= 1e5;
    for (; mantissa < 1; exponent--) mantissa *= 10;
  }
  return { mantissa, exponent };
}

function digits(value: number, radix: number, fixedDigits: number | null): string {
  let rest = value;
  const whole = Math.trunc(rest);
  if (whole < MAX_INT && Math.trunc(rest + NEAR) === whole + 1) rest = whole + 1;

  let unit = 1;
  while (unit * radix <= rest) unit *= radix;
  let text = "";
  for (; unit >= 1; unit /= radix) {
    const digit = Math.trunc(rest / unit);
    rest -= digit * unit;
    text += digit.toString(radix);
  }

  const wanted = fixedDigits ?? MAX_FRACTION_DIGITS;
  const goesOn = (): boolean => fixedDigits !== null || rest > NEAR;
  rest *= radix;
  for (let i = 1; i <= wanted && goesOn(); i++) {
    // toFixed rounds in its last digit only, so it never carries.
    const digit = Math.trunc(rest + (fixedDigits !== null && i === wanted ? 0.5 : 1e-8));
    rest = (rest - digit) * radix;
    text += (i === 1 ? "." : "") + Math.min(digit, radix - 1).toString(radix);
  }
  return text;
}

/**
 * Writes a number as `String(value)` or `value.toString(radix)` does on the interpreter.
 *
 * @param radix 2 to 36
 */
export function numberText(value: number, radix = 10): string {
  // Whole numbers up to 2^53 are exact and read the same everywhere; so do NaN and Infinity.
  if (Number.isSafeInteger(value) || !Number.isFinite(value)) return value.toString(radix);
  const sign = value < 0 ? "-" : "";
  const size = Math.abs(value);
  if (radix !== 10 || (size >= 1e-6 && size < 1e21)) return sign + digits(size, radix, null);
  const { mantissa, exponent } = normalise(size);
  return `${sign}${digits(mantissa, 10, null)}e${exponent > 0 ? "+" : ""}${exponent}`;
}

/** Writes a number as `value.toFixed(count)` does on the interpreter. */
export function fixedText(value: number, count: number): string {
  if (!Number.isFinite(value)) return String(value);
  return (value < 0 ? "-" : "") + digits(Math.abs(value), 10, count);
}

/**
 * Reads a decimal number as the interpreter does, digit by digit, so that the last bits of a
 * fraction come out as they do there. Text of a script's own literals is the engine's to read.
 *
 * @param text optional sign, digits, optional fraction and exponent; what follows is ignored
 */
export function parseDecimal(text: string): number {
  const match = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?/.exec(text);
  if (!match) return NaN;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  let value = 0;
  for (const digit of whole) value = value * 10 + Number(digit);
  let unit = 0.1;
  for (const digit of fraction) {
    value += unit * Number(digit);
    unit /= 10;
  }
  const power = Math.max(-400, Math.min(400, Number(exponent)));
  for (let i = 0; i < power; i++) value *= 10;
  for (let i = 0; i > power; i--) value /= 10;
  return sign === "-" ? -value : value;
}
