import { sizeOf } from './engine/index.ts';

/** A payload that is larger than this, bytes, isn't shown whole to anybody. */
export const MAX_SHOWN = 256 * 1024;
export const OMITTED = 'Payload data omitted due to size';

/** A payload as viewers and flowError triggers get it. */
export function shown(payload: unknown): unknown {
  try {
    return sizeOf(payload, MAX_SHOWN) > MAX_SHOWN ? OMITTED : payload;
  } catch {
    return 'Payload data could not be read'; // its data is made at the first look, from text that may be no JSON
  }
}
