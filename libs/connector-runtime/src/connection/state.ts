import { ConnectorError, type DurableState } from '#lib/connector-sdk';
import { type Bus, BusError } from '#lib/messaging';
import { busDelay } from '../time/backoff.ts';
import { type Identity, statusKey } from '../identity.ts';
import type { Shared } from '../shared.ts';

const keyOf = (of: Identity, key: string): string => `${statusKey(of)}.${key}`;

/** The durable state of an integration, for a link until it `isEnded`. */
export function stateOf(
  { bus, wheel, clock }: Pick<Shared, 'bus' | 'wheel' | 'clock'>,
  of: Identity,
  isEnded: () => boolean,
): DurableState {
  const bucket = bus.kv('CHECKPOINTS');
  /** What stands there is what was to be written: an earlier try got through, though its answer was lost. */
  const standing = async (key: string, value: Uint8Array): Promise<number | undefined> => {
    const found = await bucket.get(key);
    return found !== undefined && Buffer.compare(found.value, value) === 0 ? found.revision : undefined;
  };
  return {
    get: async (key) => {
      try {
        return await bucket.get(keyOf(of, key));
      } catch (cause) {
        throw new ConnectorError('lost', 'Where it was cannot be read from the bus now.', { cause });
      }
    },
    compareAndSet: async (key, value, revision) => {
      for (let tries = 0; ; tries++) {
        try {
          return await bucket.compareAndSet(keyOf(of, key), value, revision);
        } catch (error) {
          const conflict = error instanceof BusError && error.code === 'sequence';
          if (conflict && tries === 0) return undefined;
          try {
            if (conflict) return await standing(keyOf(of, key), value);
          } catch {
            // The bus is away again.
          }
          if (isEnded()) throw error;
        }
        await wheel.sleep(busDelay(tries, clock.random()));
      }
    },
  };
}

/** Removes all of an integration's state. Rejects BusError: try again. */
export async function clearState(bus: Bus, of: Identity): Promise<void> {
  const bucket = bus.kv('CHECKPOINTS');
  for (const { key } of await bucket.entries(statusKey(of))) await bucket.purge(key);
}
