import { getPath } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { Body, Hit, NodeType, Outcome, Step } from '../node.ts';
import { path, requiredPath } from './config.ts';
import { put } from './payload.ts';

/** Most iterations of a loop, and how many of a parallel one are on their way at once. */
const MAX_ITEMS = 262_144;
const AT_ONCE = 5;

const Config = z.looseObject({
  loopSourcePath: requiredPath,
  currentItemPath: requiredPath,
  parallel: z.boolean('must be true or false').default(false),
  mapResultPath: path,
  /** Of an iteration's payload where it came to a cap; `currentItemPath` when empty. */
  mapValuePath: path,
});
type Config = z.infer<typeof Config>;

/**
 * Runs its body (output 1) once for each item, then goes on along output 0. One after the other the payload goes from iteration to iteration as the first cap
 * that each comes to has it; an error ends the run. In parallel nothing is carried; an error ends the run once all iterations have ended.
 */
export const loop: NodeType<Config> = {
  type: 'LoopNode',
  config: Config,
  action: (config) => (step) => {
    const { body } = step;
    if (body === undefined) return ended(config, step, []);
    const items = itemsOf(getPath(step.payload, config.loopSourcePath));
    const each: Each = { step, config, items, body };
    return config.parallel ? inParallel(each) : serially(each);
  },
};

interface Items {
  readonly count: number;
  readonly at: (index: number) => { readonly value: unknown; readonly key?: string };
}
interface Each {
  readonly step: Step;
  readonly config: Config;
  readonly items: Items;
  readonly body: Body;
}
type Sized = Pick<Step, 'payload' | 'size'>;

async function serially(each: Each): Promise<Outcome> {
  const { step, config, items } = each;
  const values = new Values(step, config);
  let carried: Sized = step;
  for (let index = 0; index < items.count; index++) {
    const hit = await iteration(each, carried, index);
    values.add(index, hit);
    if (hit === undefined) continue;
    carried = hit;
    if (hit.shouldBreak) break;
  }
  return ended(config, carried, values.list);
}

async function inParallel(each: Each): Promise<Outcome> {
  const { step, config, items } = each;
  const values = new Values(step, config);
  let next = 0;
  let failed: { readonly index: number; readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (next < items.count) {
      const index = next++;
      let hit: Hit | undefined;
      try {
        hit = await iteration(each, step, index);
      } catch (error) {
        if (failed === undefined || index < failed.index) failed = { index, error };
      }
      values.add(index, hit);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  if (failed !== undefined) throw failed.error;
  return ended(config, step, values.list);
}

function iteration({ config, items, body }: Each, carried: Sized, index: number): Promise<Hit | undefined> {
  const size = carried.size.copy();
  const item = {
    ...items.at(index),
    index,
    ...(index === 0 ? { first: true } : {}),
    ...(index === items.count - 1 ? { last: true } : {}),
  };
  return body(index, put({ size }, carried.payload, config.currentItemPath, item), size);
}

/** What iterations give to the list at `mapResultPath`; it may get as large as a payload. */
class Values {
  readonly list: unknown[] = [];
  readonly #size;

  constructor(
    step: Step,
    private readonly config: Config,
  ) {
    this.#size = step.size.ofNothing();
  }

  /** Throws PayloadTooLarge. */
  add(index: number, hit: Hit | undefined): void {
    const { mapResultPath, mapValuePath, currentItemPath } = this.config;
    if (mapResultPath === '') return;
    const value = hit === undefined ? undefined : getPath(hit.payload, hit.mapValuePath || mapValuePath || currentItemPath);
    while (this.list.length < index) this.list.push(undefined); // of iterations that still run
    this.list[index] = value;
    this.#size.grew(this.list, value);
  }
}

function ended({ mapResultPath }: Config, { payload, size }: Sized, values: readonly unknown[]): Outcome {
  return { payload: mapResultPath === '' ? payload : put({ size }, payload, mapResultPath, values), output: 0, size };
}

/** Throws LoopTooLarge. */
function itemsOf(source: unknown): Items {
  if (typeof source === 'number') return { count: bounded(Math.abs(Math.ceil(source)) || 0), at: (index) => ({ value: index }) };
  if (typeof source === 'string') {
    bounded(source.length / 2); // of its units, a character has one or two
    const characters = Array.from(source);
    return { count: bounded(characters.length), at: (index) => ({ value: characters[index] }) };
  }
  if (Array.isArray(source)) return { count: bounded(source.length), at: (index) => ({ value: source[index] as unknown }) };
  if (typeof source !== 'object' || source === null || source instanceof Date) return { count: 0, at: () => ({ value: undefined }) };
  const values = source as Readonly<Record<string, unknown>>;
  const keys = Object.keys(values);
  return { count: bounded(keys.length), at: (index) => ({ value: values[keys[index] ?? ''], key: keys[index] ?? '' }) };
}

function bounded(count: number): number {
  if (count > MAX_ITEMS) throw new NodeError('LoopTooLarge', `loopSourcePath: a loop may run ${MAX_ITEMS} times at most`);
  return count;
}
