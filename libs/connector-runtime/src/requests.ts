import {
  ControlRequest,
  type ControlReply,
  type SendReply,
  type SendRequest,
  controlFilter,
  readSendRequest,
  sendFilter,
} from '#lib/contracts';
import type { Fleet } from './fleet.ts';
import type { Guests } from './outbound/guests.ts';
import type { Shared } from './shared.ts';

/** `<send|control>.<provider>.<partition>.<applicationId>.<integrationId>`; `moved`: the partition is no longer held. */
async function targetOf(shared: Shared, fleet: Fleet, subject: string): Promise<ReturnType<Fleet['get']> | 'moved'> {
  const [, , partition, applicationId, integrationId = ''] = subject.split('.');
  const find = (): ReturnType<Fleet['get']> => {
    const found = fleet.get(integrationId);
    return found?.of.applicationId === applicationId ? found : undefined;
  };
  if (find() === undefined) await shared.caughtUp(); // whoever asks may have heard of it a moment before us
  return fleet.holds(Number(partition)) ? find() : 'moved';
}

const encode = (reply: SendReply | ControlReply): Uint8Array => Buffer.from(JSON.stringify(reply));

/** What `check` makes of a JSON body; undefined when it is none. */
function read<T>(check: (value: unknown) => T | undefined, body: Uint8Array): T | undefined {
  try {
    return check(JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')));
  } catch {
    return undefined;
  }
}

const readControlRequest = (value: unknown): ControlRequest | undefined => ControlRequest.safeParse(value).data;

const MOVING: SendReply = { verdict: 'busy', error: { type: 'Busy', message: 'the integration is moving to another connector' } };

/** Of a send that goes through no integration: what it is asked by stands in its place. */
async function sendAsGuest(fleet: Fleet, guests: Guests, subject: string, request: SendRequest): Promise<SendReply> {
  const [, , partition, applicationId = '', integrationId = ''] = subject.split('.');
  return fleet.holds(Number(partition)) ? await guests.send({ applicationId, integrationId }, request) : MOVING;
}

async function answerSend(shared: Shared, fleet: Fleet, guests: Guests, subject: string, body: Uint8Array): Promise<Uint8Array> {
  const request = read(readSendRequest, body);
  if (request === undefined) return encode({ verdict: 'failed', error: { type: 'Validation', message: 'the request cannot be read' } });
  if (request.through !== undefined) return encode(await sendAsGuest(fleet, guests, subject, request));
  const supervisor = await targetOf(shared, fleet, subject);
  if (supervisor === 'moved') return encode(MOVING);
  if (supervisor === undefined)
    return encode({ verdict: 'notFound', error: { type: 'NotFound', message: 'there is no such integration' } });
  return encode(await supervisor.send(request));
}

async function answerControl(shared: Shared, fleet: Fleet, subject: string, body: Uint8Array): Promise<Uint8Array> {
  if (read(readControlRequest, body) === undefined) return encode({ ok: false, reason: 'the request cannot be read' });
  const supervisor = await targetOf(shared, fleet, subject);
  if (supervisor === 'moved') return encode({ ok: false, reason: 'it is moving to another connector: try again' });
  if (supervisor === undefined) return encode({ ok: false, reason: 'there is no such integration' });
  return encode(supervisor.retry() ? { ok: true } : { ok: false, reason: 'it is disabled, connected or connecting already' });
}

/** Answers what is asked of the integrations of one partition, for as long as it is held. */
export function answer(shared: Shared, fleet: Fleet, guests: Guests, partition: number): { stop(): Promise<void> } {
  const sends = shared.bus.serve(sendFilter(shared.type, partition), (subject, body) => answerSend(shared, fleet, guests, subject, body));
  const controls = shared.bus.serve(controlFilter(shared.type, partition), (subject, body) => answerControl(shared, fleet, subject, body));
  return { stop: async () => void (await Promise.all([sends.stop(), controls.stop()])) };
}
