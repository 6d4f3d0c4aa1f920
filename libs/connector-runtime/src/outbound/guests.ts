import { type CredentialState, type SendReply, type SendRequest, partitionOf } from '#lib/contracts';
import { Guest } from './guest.ts';
import type { Identity } from '../identity.ts';
import type { Shared } from '../shared.ts';

/** Kept at once: beyond that the longest unused goes. */
const MAX_GUESTS = 1_000;

/** What sends for workflows that authenticate themselves, by the id under which they ask. */
export class Guests {
  readonly #shared: Shared;
  readonly #credential: (applicationId: string, name: string) => CredentialState | undefined;
  /** The longest unused first. */
  readonly #guests = new Map<string, Guest>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(shared: Shared, credential: (applicationId: string, name: string) => CredentialState | undefined) {
    this.#shared = shared;
    this.#credential = credential;
  }

  /** Never rejects. */
  async send(of: Identity, request: SendRequest): Promise<SendReply> {
    const key = `${of.applicationId}.${of.integrationId}`;
    const guest = this.#guests.get(key) ?? this.#made(of, key);
    this.#guests.delete(key);
    this.#guests.set(key, guest);
    if (this.#guests.size > MAX_GUESTS) {
      const [oldest = ''] = this.#guests.keys();
      this.#end(oldest);
    }
    const reply = await guest.send(request);
    this.#shared.metrics.sends.inc({ verdict: reply.verdict });
    return reply;
  }

  /** Partitions are given away: what sends for them is closed in order. */
  async release(partitions: readonly number[]): Promise<void> {
    const going = new Set(partitions);
    for (const [key, { of }] of [...this.#guests]) if (going.has(partitionOf(of.integrationId))) this.#end(key);
    await Promise.all(this.#leaving);
  }

  #made(of: Identity, key: string): Guest {
    return new Guest(this.#shared, {
      of,
      credential: (name) => this.#credential(of.applicationId, name),
      forget: () => this.#end(key),
    });
  }

  #end(key: string): void {
    const guest = this.#guests.get(key);
    if (guest === undefined) return;
    this.#guests.delete(key);
    const stopped = guest.stop().finally(() => this.#leaving.delete(stopped));
    this.#leaving.add(stopped);
  }
}
