import type { Definition } from '#lib/connector-sdk';
import type { Configured } from '../providers/driver.ts';
import type { Stand } from './stand.ts';

/** One thing that every provider does alike. */
export interface Case {
  readonly name: string;
  /** What a provider declares that exempts it, as people read it; absent or undefined: it is not exempt. */
  readonly exempt?: (capabilities: Definition['capabilities'], configured: Configured) => string | undefined;
  readonly prove: (stand: Stand) => Promise<void>;
}

export const unlessRedelivered: NonNullable<Case['exempt']> = (capabilities, { config }) =>
  capabilities.delivery(config) === 'at-least-once' ? undefined : 'at-most-once';
