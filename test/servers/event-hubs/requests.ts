import rhea, { type Connection, type EventContext, type Message, type Sender } from 'rhea';
import { type Behaviours, type Refusal, statusOf } from './behaviours.ts';
import type { Hub, Partition } from './hub.ts';
import { type AccessKey, keyOf } from './tokens.ts';

type Claim = AccessKey['claims'][number];

/** Why a link or a request is not allowed; undefined: it is. */
type Check = { readonly refusal: Refusal } | { readonly body: unknown };

const unauthorized = (description: string): Refusal => ({ condition: 'amqp:unauthorized-access', description });
export const notFound = (what: string): Refusal => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${what}' could not be found. TrackingId:0, SystemTracker:test`,
});

/** `sb://host/hub/…` → hub. */
const hubIn = (audience: string): string => decodeURIComponent(audience.replace(/^[a-z]+:\/\/[^/]*\//i, '').split('/')[0] ?? '');

/** Answers what is asked over `$cbs` (tokens) and `$management` (hubs and partitions), and knows by that who may do what. */
export class Requests {
  keys: readonly AccessKey[];
  readonly #behaviours: Behaviours;
  readonly #hubs: ReadonlyMap<string, Hub>;
  readonly #granted = new WeakMap<Connection, Map<string, AccessKey>>();

  constructor(keys: readonly AccessKey[], hubs: ReadonlyMap<string, Hub>, behaviours: Behaviours) {
    this.keys = keys;
    this.#hubs = hubs;
    this.#behaviours = behaviours;
  }

  /** Whether the tokens of a connection allow something with a hub. */
  refusalOf(connection: Connection, hub: string, claim: Claim): Refusal | undefined {
    const key = this.#granted.get(connection)?.get(hub);
    if (key === undefined) return unauthorized(`Unauthorized access. No token was put for 'sb://test/${hub}'.`);
    if (key.claims.includes(claim)) return undefined;
    return unauthorized(`Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: 'sb://test/${hub}'.`);
  }

  onRequest({ connection, message, receiver, delivery }: EventContext): void {
    delivery?.accept();
    if (message === undefined) return;
    const node = receiver?.target.address;
    const fields: Record<string, unknown> = message['application_properties'] ?? {};
    if (node === '$cbs')
      this.#behaviours.run('put-token', (refusal) => {
        this.#reply(connection, node, message, refusal === undefined ? this.#putToken(connection, message, fields) : { refusal });
      });
    else
      this.#behaviours.run(String(fields['type']).endsWith(':partition') ? 'partition' : 'hub', (refusal) => {
        this.#reply(connection, '$management', message, refusal === undefined ? this.#read(fields) : { refusal });
      });
  }

  #putToken(connection: Connection, message: Message, { name }: Record<string, unknown>): Check {
    const audience = String(name);
    const key = keyOf(message['body'], audience, this.keys);
    if (typeof key === 'string') return { refusal: unauthorized(key) };
    const hub = hubIn(audience);
    if (!this.#hubs.has(hub)) return { refusal: notFound(audience) };
    const granted = this.#granted.get(connection) ?? new Map<string, AccessKey>();
    this.#granted.set(connection, granted.set(hub, key));
    return { body: undefined };
  }

  #read({ name, type, partition: id, security_token: token }: Record<string, unknown>): Check {
    const hub = this.#hubs.get(String(name));
    if (hub === undefined) return { refusal: notFound(String(name)) };
    const key = keyOf(token, undefined, this.keys);
    if (typeof key === 'string') return { refusal: unauthorized(key) };
    if (!String(type).endsWith(':partition')) return { body: hubBody(hub) };
    const partition = hub.partitions.find((candidate) => candidate.id === id);
    return partition === undefined ? { refusal: notFound(`${hub.name}|${String(id)}`) } : { body: partitionBody(hub, partition) };
  }

  #reply(connection: Connection, node: string, request: Message, check: Check): void {
    const sender = connection.find_sender(
      ({ source, name, target }: Sender) =>
        source.address === node && (name === request['reply_to'] || target.address === request['reply_to']),
    );
    const refusal = 'refusal' in check ? check.refusal : undefined;
    sender?.send({
      correlation_id: request['message_id'],
      application_properties:
        refusal === undefined
          ? { 'status-code': node === '$cbs' ? 202 : 200, 'status-description': 'OK' }
          : { 'status-code': statusOf(refusal), 'status-description': refusal.description, 'error-condition': refusal.condition },
      body: 'body' in check ? check.body : undefined,
    });
  }
}

const { types } = rhea;

const hubBody = ({ name, createdAt, partitions }: Hub): unknown => ({
  name,
  type: 'com.microsoft:eventhub',
  created_at: types.wrap_timestamp(createdAt),
  partition_count: partitions.length,
  partition_ids: partitions.map(({ id }) => id),
});

const partitionBody = ({ name }: Hub, { id, events, next, last }: Partition): unknown => ({
  name,
  type: 'com.microsoft:partition',
  partition: id,
  begin_sequence_number: types.wrap_long(events[0]?.sequenceNumber ?? next),
  last_enqueued_sequence_number: types.wrap_long(last.sequenceNumber),
  last_enqueued_offset: last.offset,
  last_enqueued_time_utc: types.wrap_timestamp(last.enqueuedAt),
  is_partition_empty: events.length === 0,
});
