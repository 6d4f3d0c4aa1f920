import { toNumber } from '../values.ts';
import type { InlineHelper } from './types.ts';

const onNumbers =
  (calculate: (...numbers: number[]) => number, count: number): InlineHelper =>
  (args) =>
    calculate(...Array.from({ length: count }, (_, i) => toNumber(args[i])));

/** Arguments are read as JavaScript's Number() reads them; what is no number gives NaN. */
export const MATH: Readonly<Record<string, InlineHelper>> = {
  add: onNumbers((a = 0, b = 0) => a + b, 2),
  subtract: onNumbers((a = 0, b = 0) => a - b, 2),
  multiply: onNumbers((a = 0, b = 0) => a * b, 2),
  divide: onNumbers((a = 0, b = 0) => a / b, 2),
  ceil: onNumbers(Math.ceil, 1),
  floor: onNumbers(Math.floor, 1),
  max: onNumbers(Math.max, 2),
  min: onNumbers(Math.min, 2),
  /** From the domain [fromLow, fromHigh] to the range [toLow, toHigh]; values outside are extrapolated. */
  scaleLinear: onNumbers(
    (fromLow = 0, fromHigh = 0, toLow = 0, toHigh = 0, value = 0) => toLow + ((value - fromLow) / (fromHigh - fromLow)) * (toHigh - toLow),
    5,
  ),
};
