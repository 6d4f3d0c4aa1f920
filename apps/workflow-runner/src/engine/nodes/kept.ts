import { NodeError } from '../errors.ts';
import type { RunRecord, Step } from '../node.ts';

/** What nodes that keep something from run to run have in common. */

/** The record of a run whose node says `recorded`. */
export function recordOf({ ports }: Step): RunRecord {
  if (ports.record === undefined) throw new Error('a node that needs a record has to say so');
  return ports.record;
}

/** Longest key, characters. */
const MAX_KEY = 255;

export function keyOf(text: string): string {
  if (text.length > MAX_KEY)
    throw new NodeError('InvalidKey', `keyName came out with ${text.length} characters: it must have at most ${MAX_KEY}`);
  return text;
}

export function numberOf(field: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number))
    throw new NodeError('NotANumber', `${field} came out as ${JSON.stringify(text.slice(0, 100))}: it must be a number`);
  return number;
}
