import type { CheckContext, ConnectorError } from '#lib/connector-sdk';
import type { TlsSettings } from '../tls.ts';
import { Queue } from './queue.ts';
import { isAboutQueue, reasonOf } from './reasons.ts';
import type { Target } from './target.ts';

/**
 * Asks for what changes nothing: to delete, and to hide, a message that doesn't exist. Receiving would count as a delivery of a message, and sending would
 * leave one: whether those are allowed isn't tried.
 */
export async function check(target: Target, context: CheckContext, tls?: TlsSettings): Promise<void> {
  const { step, signal } = context;
  const queue = new Queue(target, context, tls);
  try {
    let refusal: ConnectorError | undefined;
    await step('authenticate', 'AWS accepts the access key.', async () => {
      await queue.ask(signal).catch((error: unknown) => {
        const reason = reasonOf(error, 'sqs:DeleteMessage');
        // Whom it knows it tells of the queue.
        if (!isAboutQueue(error)) throw reason;
        refusal = reason;
      });
    });
    await step('authorise', 'The queue is there, and the key is allowed sqs:DeleteMessage.', async () => {
      if (refusal !== undefined) throw refusal;
    });
    await step('authorise', 'The key is allowed sqs:ChangeMessageVisibility.', async () => {
      await queue.askToHide(signal).catch((error: unknown) => Promise.reject(reasonOf(error, 'sqs:ChangeMessageVisibility')));
    });
    await step('authorise', 'sqs:ReceiveMessage and sqs:SendMessage are not tried: either would touch a message.', () => Promise.resolve());
  } finally {
    queue.close();
  }
}
