/** The log of a hub, without a wire. */

export interface HubEvent {
  readonly body: unknown;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  readonly partitionKey?: string | undefined;
}

export interface StoredEvent extends HubEvent {
  readonly partitionId: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  /** Epoch ms. */
  readonly enqueuedAt: number;
}

export interface Partition {
  readonly id: string;
  /** Those that are kept: retention removes from the front. */
  events: StoredEvent[];
  /** Sequence number of the next event. */
  next: number;
  last: { sequenceNumber: number; offset: string; enqueuedAt: number };
}

export interface Hub {
  readonly name: string;
  /** Epoch ms: another one after it was deleted and made again. */
  readonly createdAt: number;
  readonly groups: ReadonlySet<string>;
  readonly partitions: Partition[];
}

/** Offsets are no sequence numbers: here each event moves them on by this. */
const STRIDE = 48;

export const newPartition = (index: number): Partition => ({
  id: String(index),
  events: [],
  next: 0,
  last: { sequenceNumber: -1, offset: '-1', enqueuedAt: 0 },
});

export function append(partition: Partition, event: HubEvent): StoredEvent {
  const sequenceNumber = partition.next++;
  const stored = { ...event, partitionId: partition.id, sequenceNumber, offset: String(sequenceNumber * STRIDE), enqueuedAt: Date.now() };
  partition.events.push(stored);
  partition.last = stored;
  return stored;
}

/** Every key has its partition, whoever sends. Without a key they take turns. */
export function partitionFor({ partitions }: Hub, partitionKey: string | undefined, turn: number): Partition {
  const at = partitionKey === undefined ? turn : Buffer.from(partitionKey).reduce((hash, byte) => (hash * 31 + byte) % 65_521, 7);
  const partition = partitions[at % partitions.length];
  if (partition === undefined) throw new Error('a hub has at least one partition');
  return partition;
}

/** Sequence number of the first event that a selector lets through; a reason where the service refuses it. */
export function startOf(partition: Partition, selector: string): number | { readonly refusal: string } {
  const [, field, operator, value = ''] =
    /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) '([^']*)'$/.exec(selector) ?? [];
  if (field === undefined) return { refusal: `The filter ${selector} is not supported.` };
  const inclusive = operator === '>=';
  if (field === 'enqueued-time')
    return partition.events.find(({ enqueuedAt }) => enqueuedAt > Number(value))?.sequenceNumber ?? partition.next;
  if (value === '@latest') return partition.next;
  const asked = field === 'offset' ? Number(value) / STRIDE : Number(value);
  if (asked > partition.last.sequenceNumber && asked >= 0)
    return {
      refusal: `The supplied ${field} '${value}' is invalid. The last one in the system is '${field === 'offset' ? partition.last.offset : partition.last.sequenceNumber}'.`,
    };
  return Number(value) < 0 ? 0 : asked + (inclusive ? 0 : 1);
}
