import { fault } from '#fault';
import { definitionOf } from '#lib/connectors';
import { outboundSubject, SendReply, sendSubject } from '#lib/contracts';
import { BusError, type Bus } from '#lib/messaging';
import { backOff } from './backoff.ts';
import type { Output, OutputReply } from './engine/index.ts';

/** How long an answer of the integration's owner is waited for, ms; then nobody holds it. */
const ANSWER_MS = 5_000;
/** How long an owner that has too much to send is asked again, and a bus that is away waited for, ms. A run ends after 60 s anyway. */
const PATIENCE_MS = 50_000;

export type OutputBus = Pick<Bus, 'connected' | 'request' | 'publishOutbound'>;

/**
 * Hands a message to the connector that owns the integration and returns its verdict. The same id may be sent any number of times: the owner sends it once.
 * What can't be sent now is stored where the integration's type allows that.
 */
export async function sendOutput(bus: OutputBus, output: Output): Promise<OutputReply> {
  const { integration, through, id, options, payload, encoding = 'utf8' } = output;
  const { integrationType, applicationId } = integration;
  const request = { id, options, payload, encoding, time: new Date().toISOString(), ...(through === undefined ? {} : { through }) };
  const body = Buffer.from(JSON.stringify(request));
  fault('runner.beforeSend');
  const asked = (): Uint8Array => Buffer.from(JSON.stringify({ ...request, asked: true }));
  const reply = await ask(bus, sendSubject(integrationType, applicationId, integration.id), body, asked);
  fault('runner.afterSend');
  // What authenticates itself is never stored.
  if (reply.verdict !== 'disconnected' || through !== undefined || !definitionOf(integrationType).capabilities.queue)
    return reply.uncertain === true ? unknown : reply;
  return await queue(bus, outboundSubject(integrationType, applicationId, integration.id), body, id);
}

const unknown: OutputReply = {
  verdict: 'unknown',
  error: { type: 'Timeout', message: `its connector did not answer within ${ANSWER_MS / 1000} s` },
};

/** `uncertain`: a request may have arrived that nobody answered. */
type Answer = SendReply & { readonly uncertain?: boolean };

async function ask(bus: OutputBus, subject: string, first: Uint8Array, asked: () => Uint8Array): Promise<Answer> {
  const begun = performance.now();
  let body = first;
  let uncertain = false;
  for (let attempt = 0; ; attempt++) {
    const reply = await once(bus, subject, body);
    const waited = performance.now() - begun;
    if (reply instanceof BusError) {
      uncertain ||= reply.code !== 'noResponders';
      // Without a bus nobody can be asked, nor anything stored: the run waits for it.
      if (waited >= (bus.connected ? ANSWER_MS : PATIENCE_MS)) return { verdict: 'disconnected', uncertain };
    } else if (reply.verdict === 'pending' && waited < PATIENCE_MS) {
      uncertain = true;
      body = asked();
      continue; // its owner holds the answer back
    } else if (reply.verdict !== 'busy' || waited >= PATIENCE_MS) return reply;
    await backOff(attempt);
  }
}

async function once(bus: OutputBus, subject: string, body: Uint8Array): Promise<SendReply | BusError> {
  try {
    const bytes = await bus.request(subject, body, ANSWER_MS);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    return text === PLAIN_SUCCESS ? SUCCEEDED : SendReply.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof BusError && error.code !== 'tooLarge') return error;
    if (error instanceof BusError) return { verdict: 'failed', error: { type: 'TooLarge', message: error.message } };
    throw error;
  }
}

/** What nearly every answer is: known without being parsed. */
const SUCCEEDED: SendReply = { verdict: 'succeeded' };
const PLAIN_SUCCESS = JSON.stringify(SUCCEEDED);

/** The owner drains it in order once the integration connects. An id that the bus holds already is not stored twice. */
async function queue(bus: OutputBus, subject: string, body: Uint8Array, id: string): Promise<OutputReply> {
  const begun = performance.now();
  for (let attempt = 0; ; attempt++) {
    try {
      await bus.publishOutbound(subject, body, id);
      return { verdict: 'queued' };
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      if (error.code === 'full')
        return { verdict: 'failed', error: { type: 'QueueFull', message: 'too many messages wait for the integration to connect' } };
      if (error.code !== 'unavailable' || performance.now() - begun > PATIENCE_MS)
        return {
          verdict: 'failed',
          error: { type: 'NotQueued', message: 'the message could not be stored until the integration connects' },
        };
    }
    await backOff(attempt);
  }
}
