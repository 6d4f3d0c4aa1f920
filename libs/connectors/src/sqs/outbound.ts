import type { ConnectorError, SendMessage, SendOutcome, Sender, SenderContext } from '#lib/connector-sdk';
import { NotDialled } from './agents.ts';
import { sendInput } from './message.ts';
import type { Queue } from './queue.ts';
import { codeOf, reasonOf, statusOf } from './reasons.ts';

/** Sends one message, once. `refused`: told when AWS refuses the key. Rejects ConnectorError when nothing was sent. */
export async function sendTo(queue: Queue, message: SendMessage, refused?: (reason: ConnectorError) => void): Promise<SendOutcome> {
  const input = sendInput(message);
  try {
    const messageId = await queue.send(input);
    return { verdict: 'succeeded', result: { messageId } };
  } catch (error) {
    if (error instanceof NotDialled) throw error;
    const reason = reasonOf(error, 'sqs:SendMessage');
    if (reason.code === 'throttled') throw reason;
    if (reason.code === 'unauthorized') refused?.(reason);
    const status = statusOf(error);
    // A server that failed, or none that answered: it may have taken the message.
    if (status === undefined || status >= 500) return { verdict: 'unknown', error: { type: 'lost', message: reason.message } };
    return { verdict: 'failed', error: refusalOf(error, reason) };
  }
}

/** Sends to a queue and never polls it: a key that may do nothing else will do. */
export const senderTo = (queue: Queue, context: Pick<SenderContext, 'lost'>): Sender => ({
  send: async (message) => await sendTo(queue, message, (reason) => context.lost(reason)),
  close: () => {
    queue.close();
    return Promise.resolve();
  },
});

/** SQS's code, and its own words where they are about the message: `{type, message}` of the node's result. */
function refusalOf(error: unknown, reason: ConnectorError): { type: string; message: string } {
  const type = codeOf(error);
  const words = error instanceof Error && /^(Invalid|Missing|BatchRequest)/.test(type) ? error.message : reason.message;
  return { type: type === '' ? 'refused' : type, message: words.slice(0, 500) };
}
