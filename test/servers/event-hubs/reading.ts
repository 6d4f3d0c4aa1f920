import rhea, { type Connection, type Message, type Sender } from 'rhea';
import type { Refusal } from './behaviours.ts';
import { type Hub, type Partition, type StoredEvent, startOf } from './hub.ts';
import { notFound } from './requests.ts';

/** A link that delivers events of a partition to a client. */
export interface Reader {
  readonly hub: string;
  readonly group: string;
  readonly partitionId: string;
  readonly epoch: number | undefined;
  /** The filter it asked for, as x-opt-offset > '48'. */
  readonly selector: string;
  readonly connection: Connection;
  readonly link: Sender & { readonly credit: number };
  /** Sequence number of the event that goes next. */
  next: number;
  pumping?: NodeJS.Immediate | undefined;
}

const SELECTOR = 'apache.org:selector-filter:string';
const EPOCH = 'com.microsoft:epoch';
/** What the service allows without epochs on one partition and group. */
const MAX_WITHOUT_EPOCH = 5;

const stolen = (description: string): Refusal => ({ condition: 'amqp:link:stolen', description });

/** The links that read, each from where its filter begins, as far as its credit goes. */
export class Reading {
  readonly readers = new Set<Reader>();

  /** A reader for the link of a client, or why there is none. A newer epoch ends the links of older ones. */
  open(hub: Hub, connection: Connection, link: Sender): Refusal | undefined {
    const [, group = '', partitionId] = /\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i.exec(link.source.address ?? '') ?? [];
    const partition = hub.partitions.find(({ id }) => id === partitionId);
    if (partition === undefined || !hub.groups.has(group.toLowerCase())) return notFound(`${hub.name}|${group}`);
    // A described text is an object of its own in rhea.
    const selector = ((link.source.filter as Record<string, { valueOf(): string }> | undefined)?.[SELECTOR] ?? '').valueOf();
    const start = startOf(partition, selector);
    if (typeof start !== 'number') return { condition: 'com.microsoft:argument-error', description: start.refusal };
    const asked: unknown = link.properties?.[EPOCH];
    const epoch = asked === undefined ? undefined : Number(asked);
    const refusal = this.#contend(hub.name, group, partition.id, epoch);
    if (refusal !== undefined) return refusal;
    const reader: Reader = {
      hub: hub.name,
      group,
      partitionId: partition.id,
      epoch,
      selector,
      connection,
      link: link as Reader['link'],
      next: start,
    };
    this.readers.add(reader);
    const pump = (): void => this.pump(partition, reader);
    link.on('sendable', pump);
    link.on('sender_flow', pump);
    link.on('sender_close', () => this.readers.delete(reader));
    return undefined;
  }

  #contend(hub: string, group: string, partitionId: string, epoch: number | undefined): Refusal | undefined {
    const others = [...this.readers].filter((one) => one.hub === hub && one.group === group && one.partitionId === partitionId);
    const highest = Math.max(-1, ...others.map((one) => one.epoch ?? -1));
    if (highest > (epoch ?? -1)) return stolen(`At least one receiver for the endpoint is created with epoch of '${highest}'.`);
    if (epoch === undefined)
      return others.length < MAX_WITHOUT_EPOCH
        ? undefined
        : { condition: 'amqp:resource-limit-exceeded', description: 'Exceeded the maximum number of allowed receivers per partition.' };
    for (const other of others) this.end(other, stolen(`New receiver with higher epoch of '${epoch}' is created.`));
    return undefined;
  }

  /** Delivers what the credit allows, soon. */
  pump(partition: Partition, reader: Reader): void {
    // rhea takes credit off only when it writes, after this turn.
    reader.pumping ??= setImmediate(() => {
      reader.pumping = undefined;
      for (let { credit } = reader.link; this.readers.has(reader) && credit > 0; credit--) {
        const event = partition.events.find(({ sequenceNumber }) => sequenceNumber >= reader.next);
        if (event === undefined) return;
        reader.next = event.sequenceNumber + 1;
        reader.link.send(delivered(event) as Message);
      }
    });
  }

  /** Ends a link as the service does it. */
  end(reader: Reader, error: Refusal): void {
    this.readers.delete(reader);
    reader.link.close(error);
  }

  /** Those of a connection that is gone. */
  forget(connection: Connection): void {
    for (const reader of this.readers) if (reader.connection === connection) this.readers.delete(reader);
  }
}

/** A body that is no bytes goes as an AMQP value. */
const delivered = ({ body, properties, partitionKey, sequenceNumber, offset, enqueuedAt }: StoredEvent): object => ({
  body: body instanceof Uint8Array ? rhea.message.data_section(Buffer.from(body)) : body,
  ...(properties === undefined ? {} : { application_properties: { ...properties } }),
  message_annotations: {
    'x-opt-sequence-number': rhea.types.wrap_long(sequenceNumber),
    'x-opt-offset': offset,
    'x-opt-enqueued-time': rhea.types.wrap_timestamp(enqueuedAt),
    ...(partitionKey === undefined ? {} : { 'x-opt-partition-key': partitionKey }),
  },
});
