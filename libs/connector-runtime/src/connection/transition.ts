import type { ConnectionState } from '#lib/contracts';
import type { Blueprint } from './blueprint.ts';
import type { Dialer } from './dialer.ts';

/** How things stand with an integration's connection. */
export interface Standing {
  /** What it is made of, or the next one will be. */
  readonly applied: Blueprint | undefined;
  readonly phase: Dialer['phase'];
  /** An attempt waits for its time. */
  readonly waiting: boolean;
  readonly state: ConnectionState | undefined;
}

/**
 * How a connection comes to be made of what is wanted. `keep`: it is already, or is about to be. `beside`: only a secret is another one, so the connection that is
 * up stands until the new one does (docs/adr/0013). `anew`: the old one ends first.
 */
export function transition(wanted: Blueprint, now: Standing): 'keep' | 'beside' | 'anew' {
  if (stands(wanted, now)) return 'keep';
  return now.phase === 'up' && wanted.base === now.applied?.base ? 'beside' : 'anew';
}

/** What is there, or under way, is what is wanted; of what waits for the user, a new version is reason enough to try. */
function stands(wanted: Blueprint, { applied, phase, waiting, state }: Standing): boolean {
  if (wanted.fingerprint !== applied?.fingerprint) return false;
  if (phase !== 'idle') return true;
  const waitsForUser = state === 'misconfigured' || state === 'unauthorized';
  return waiting && !(waitsForUser && wanted.version !== applied.version);
}
