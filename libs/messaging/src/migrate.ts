import {
  DiscardPolicy,
  type JetStreamManager,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { HeaderBlock } from './codec/headers.ts';
import { managed } from './management.ts';
import type { Publisher } from './publish.ts';
import { type Declared, declaredStreams, differences, type StreamLimits } from './streams.ts';
import { BusError } from './types.ts';

const LOCKS = 'LOCKS';
const LOCK_SUBJECT = 'lock.migrate';
/** A migrator that died frees the lock after this. A migration takes well under a second. */
const LOCK_TTL_SECONDS = 30;
const LOCK_WAIT_MS = 60_000;
const STREAM_NOT_FOUND = 10_059;

/** Makes what is missing and widens what is narrower than declared; never lowers a bound, as that would drop stored messages. */
export async function migrateStreams(jsm: JetStreamManager, publisher: Publisher, limits: StreamLimits): Promise<void> {
  await withLock(jsm, publisher, limits.replicas, async () => {
    for (const declared of declaredStreams(limits)) await managed(`make ${declared.name}`, () => makeStream(jsm, declared));
  });
}

async function makeStream(jsm: JetStreamManager, declared: Declared): Promise<void> {
  const actual = await findStream(jsm, declared.name);
  if (actual === undefined) {
    await jsm.streams.add(declared);
    return;
  }
  const widened = { ...actual, ...declared, max_bytes: wider(actual.max_bytes, declared.max_bytes ?? -1) };
  const current = differences(declared, actual).length === 0;
  if (current && widened.max_bytes === actual.max_bytes && widened.num_replicas === actual.num_replicas) return;
  await jsm.streams.update(declared.name, widened);
}

const wider = (actual: number, declared: number): number => (actual <= 0 || declared <= 0 ? declared : Math.max(actual, declared));

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

/** Throws naming every difference between the streams and what is declared. */
export async function verifyStreams(jsm: JetStreamManager): Promise<void> {
  const wrong: string[] = [];
  for (const declared of declaredStreams({ streamBytes: 1, replicas: 1 })) {
    const actual = await managed(`look at ${declared.name}`, () => findStream(jsm, declared.name));
    if (actual === undefined) wrong.push(`${declared.name} is missing`);
    else wrong.push(...differences(declared, actual).map((difference) => `${declared.name}: ${difference}`));
  }
  if (wrong.length > 0) throw new BusError('unavailable', `the bus is not as declared (run the migration): ${wrong.join('; ')}`);
}

/** A stream that refuses a second message per subject is the lock, and the message's TTL frees it should its holder die. */
async function withLock(jsm: JetStreamManager, publisher: Publisher, replicas: number, work: () => Promise<void>): Promise<void> {
  await managed(`make ${LOCKS}`, () =>
    jsm.streams.add({
      name: LOCKS,
      subjects: ['lock.>'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      max_age: nanos(3_600_000),
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      allow_msg_ttl: true,
      num_replicas: replicas,
    }),
  );
  const held = await takeLock(publisher);
  try {
    await work();
  } finally {
    await managed('free the migration lock', () => jsm.streams.purge(LOCKS, { filter: LOCK_SUBJECT, seq: held + 1 }));
  }
}

async function takeLock(publisher: Publisher): Promise<number> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (let wait = 50; ; wait = Math.min(wait * 2, 2_000)) {
    try {
      const block = new HeaderBlock().set('Nats-TTL', `${LOCK_TTL_SECONDS}s`);
      return (await publisher.publish(LOCK_SUBJECT, block, new Uint8Array(0))).position;
    } catch (error) {
      if (!(error instanceof BusError && error.code === 'full') || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    }
  }
}
