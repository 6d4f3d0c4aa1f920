import { isDeepStrictEqual } from 'node:util';

/** What happened to an aggregate: each event carries the whole new state; null: it is gone. */
export interface Fact<Type extends string, State> {
  readonly type: Type;
  readonly state: State | null;
}

/** An aggregate that was never made, or is gone, is null. */
export type Present<State> = State | null;

/** Every event carries the whole state, so the last one is the state. */
export const evolve = <State>(_state: Present<State>, event: { readonly state: Present<State> }): Present<State> => event.state;

/** True when two states differ in more than the time of change; the order of properties is no difference. */
export function changed<State extends { lastUpdated: string }>(before: State, after: State): boolean {
  return !isDeepStrictEqual({ ...before, lastUpdated: '' }, { ...after, lastUpdated: '' });
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** A copy without the properties that are undefined. */
export const compact = <T extends object>(fields: T): Compact<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Compact<T>;
