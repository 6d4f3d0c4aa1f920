import type { AddressInfo, Server, Socket } from 'node:net';
import rhea, { type Connection, type EventContext, type Receiver, type Sender } from 'rhea';
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts';
import { type Behaviour, Behaviours, type Operation, type Refusal } from './behaviours.ts';
import { type Hub, type HubEvent, type StoredEvent, append, newPartition, partitionFor } from './hub.ts';
import { BATCH_FORMAT, eventsIn } from './publishing.ts';
import { type Reader, Reading } from './reading.ts';
import { Requests, notFound } from './requests.ts';
import type { AccessKey } from './tokens.ts';

/** The key that the server knows from the start. */
export const EVENT_HUBS_KEY: AccessKey = { name: 'sluice', key: 'a/Secret+Access/Key=', claims: ['Listen', 'Send'] };

/** One message with its envelope, as the standard tier takes it. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface EventHubsServer {
  /** Where clients connect: the proxy's port. */
  readonly port: number;
  /** Before the server: refuses, drops, stalls and delays connections. */
  readonly proxy: FaultProxy;
  /** A connection string for a hub or the namespace; `UseDevelopmentEmulator`: plain TCP. */
  connectionString(over?: { readonly key?: string; readonly keyName?: string; readonly hub?: string; readonly port?: number }): string;
  /** Consumer groups besides $Default. Made again after a deletion, it is another one. */
  createHub(name: string, options?: { readonly partitions?: number; readonly groups?: readonly string[] }): void;
  /** As the service does, it ends the links to it. */
  deleteHub(name: string): void;
  addPartition(name: string): void;
  /** As another client does; without a partition by their keys, or in turns. */
  append(hub: string, events: readonly (HubEvent | string)[], partitionId?: string): StoredEvent[];
  /** Everything in a hub that is kept, by anyone, partition by partition. */
  events(hub: string): StoredEvent[];
  /** What clients sent to a hub, in the order it came. */
  published(hub: string): StoredEvent[];
  /** Retention: removes the oldest events of a partition up to and including a sequence number. */
  expire(hub: string, partitionId: string, through: number): void;
  /** The links that read now. */
  readers(hub: string): Reader[];
  /** Ends links that read, as the service does for a reason of its own. */
  endReaders(hub: string, error: Refusal): void;
  /** How many links clients can send over. */
  readonly senders: number;
  /** Ends them, as the service does with idle ones. */
  endSenders(error: Refusal): void;
  behave(operation: Operation, behaviour: Behaviour): void;
  heal(): void;
  readonly asked: ReadonlyMap<Operation, number>;
  /** From now on: tokens of other keys are refused. */
  setKeys(keys: readonly AccessKey[]): void;
  stop(): Promise<void>;
}

/** A namespace of Azure Event Hubs on 127.0.0.1, as far as clients can tell: AMQP 1.0 with its tokens, links, epochs and annotations. */
export async function startEventHubs(
  options: { readonly tls?: { readonly certificate: string; readonly key: string } } = {},
): Promise<EventHubsServer> {
  const hubs = new Map<string, Hub>();
  const sent = new Map<string, StoredEvent[]>();
  const behaviours = new Behaviours();
  const requests = new Requests([EVENT_HUBS_KEY], hubs, behaviours);
  const reading = new Reading();
  const senders = new Set<Receiver>();
  let turn = 0;

  const container = rhea.create_container({
    id: 'event-hubs',
    non_fatal_errors: [],
    receiver_options: { autoaccept: false, max_message_size: MAX_MESSAGE_BYTES },
  });
  const mechanisms = container.sasl_server_mechanisms as { enable_anonymous(): void };
  mechanisms.enable_anonymous();

  const hubOf = (name: string): Hub => {
    const hub = hubs.get(name);
    if (hub === undefined) throw new Error(`there is no hub ${name}`);
    return hub;
  };
  const add = (hub: Hub, event: HubEvent, partitionId: string | undefined): StoredEvent => {
    const partition = hub.partitions.find(({ id }) => id === partitionId) ?? partitionFor(hub, event.partitionKey, turn++);
    const stored = append(partition, event);
    for (const reader of reading.readers)
      if (reader.hub === hub.name && reader.partitionId === partition.id) reading.pump(partition, reader);
    return stored;
  };
  /** $cbs and $management. */
  const isService = (address = ''): boolean => address.startsWith('$');
  const hubAt = (address: string | undefined): string => (address ?? '').split('/')[0] ?? '';

  const attach = (operation: 'receiver' | 'sender', connection: Connection, link: Sender | Receiver, name: string): void =>
    behaviours.run(operation, (told) => {
      const hub = hubs.get(name);
      const refusal =
        told ??
        (hub === undefined ? notFound(name) : requests.refusalOf(connection, name, operation === 'receiver' ? 'Listen' : 'Send')) ??
        (operation === 'receiver' && hub !== undefined ? reading.open(hub, connection, link as Sender) : undefined);
      if (refusal !== undefined) link.close(refusal);
      else if (operation === 'sender') senders.add(link as Receiver);
    });

  container.on('sender_open', ({ connection, sender }: EventContext) => {
    if (sender === undefined) return;
    sender.set_source({ address: sender.source.address ?? '' });
    sender.set_target({ address: sender.target?.address ?? '' });
    if (!isService(sender.source.address)) attach('receiver', connection, sender, hubAt(sender.source.address));
  });
  container.on('receiver_open', ({ connection, receiver }: EventContext) => {
    if (receiver === undefined) return;
    receiver.set_target({ address: receiver.target.address ?? '' });
    if (!isService(receiver.target.address)) attach('sender', connection, receiver, hubAt(receiver.target.address));
  });
  container.on('receiver_close', ({ receiver }: EventContext) => void (receiver !== undefined && senders.delete(receiver)));
  container.on('message', (context: EventContext) => {
    const { receiver, message, delivery } = context;
    if (receiver === undefined || message === undefined || delivery === undefined) return;
    if (isService(receiver.target.address)) {
      requests.onRequest(context);
      return;
    }
    behaviours.run('send', (refusal) => {
      const [name = '', , partitionId] = (receiver.target.address ?? '').split('/');
      if (refusal !== undefined) delivery.reject(refusal);
      // Of a format that it doesn't know, rhea hands over the bytes.
      else if (delivery.format !== BATCH_FORMAT)
        delivery.reject({ condition: 'amqp:not-implemented', description: 'The format is not known.' });
      else {
        const stored = eventsIn(message as unknown as Buffer).map((event) => add(hubOf(name), event, partitionId));
        sent.set(name, [...(sent.get(name) ?? []), ...stored]);
        delivery.accept();
      }
    });
  });
  for (const event of ['disconnected', 'connection_close'] as const)
    container.on(event, ({ connection }: EventContext) => {
      reading.forget(connection);
      for (const link of senders) if (link.connection === connection) senders.delete(link);
    });
  // A client that goes without a word is nothing to stop for.
  for (const event of ['error', 'connection_error', 'session_error', 'sender_error', 'receiver_error', 'protocol_error'] as const)
    container.on(event, () => undefined);

  const server: Server = container.listen({
    port: 0,
    host: '127.0.0.1',
    ...(options.tls === undefined ? {} : { transport: 'tls', cert: options.tls.certificate, key: options.tls.key }),
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const proxy = await startFaultProxy({ port: (server.address() as AddressInfo).port });

  return {
    port: proxy.port,
    proxy,
    connectionString: ({ keyName = EVENT_HUBS_KEY.name, key = EVENT_HUBS_KEY.key, hub, port = proxy.port } = {}) =>
      [
        `Endpoint=sb://127.0.0.1:${port}`,
        `SharedAccessKeyName=${keyName}`,
        `SharedAccessKey=${key}`,
        ...(hub === undefined ? [] : [`EntityPath=${hub}`]),
        'UseDevelopmentEmulator=true',
      ].join(';'),
    createHub: (name, { partitions = 2, groups = [] } = {}) =>
      void hubs.set(name, {
        name,
        createdAt: Date.now() + hubs.size,
        groups: new Set(['$default', ...groups.map((group) => group.toLowerCase())]),
        partitions: Array.from({ length: partitions }, (_, index) => newPartition(index)),
      }),
    deleteHub: (name) => {
      hubs.delete(name);
      for (const reader of reading.readers) if (reader.hub === name) reading.end(reader, notFound(name));
    },
    addPartition: (name) => void hubOf(name).partitions.push(newPartition(hubOf(name).partitions.length)),
    append: (name, events, partitionId) =>
      events.map((event) => add(hubOf(name), typeof event === 'string' ? { body: Buffer.from(event) } : event, partitionId)),
    events: (name) => hubOf(name).partitions.flatMap(({ events }) => events),
    published: (name) => sent.get(name) ?? [],
    expire: (name, partitionId, through) => {
      const partition = hubOf(name).partitions.find(({ id }) => id === partitionId);
      if (partition !== undefined) partition.events = partition.events.filter(({ sequenceNumber }) => sequenceNumber > through);
    },
    readers: (name) => [...reading.readers].filter(({ hub }) => hub === name),
    endReaders: (name, error) => {
      for (const reader of reading.readers) if (reader.hub === name) reading.end(reader, error);
    },
    get senders() {
      return senders.size;
    },
    endSenders: (error) => {
      for (const link of senders) link.close(error);
    },
    behave: (operation, behaviour) => behaviours.set(operation, behaviour),
    heal: () => behaviours.heal(),
    asked: behaviours.asked,
    setKeys: (keys) => void (requests.keys = keys),
    stop: async () => {
      await proxy.stop();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
