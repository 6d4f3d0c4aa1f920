import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  type MessageSystemAttributeName,
  type QueueAttributeName,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageCommand,
  type SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { understood, unreadable } from '../known-servers.ts';
import type { TlsSettings } from '../tls.ts';
import { type Agents, type Dials, dialledAgents } from './agents.ts';
import { codeOf, isUnreadable, reasonOf } from './reasons.ts';
import type { Target } from './target.ts';

/** What SQS takes and gives in one request. */
export const BATCH = 10;
/** To connect, and for an answer that SQS doesn't hold back. */
const ANSWER_MS = 4_000;
/** An answer that began and stopped coming. */
const SILENCE_MS = 12_000;
const SYSTEM_ATTRIBUTES: MessageSystemAttributeName[] = [
  'ApproximateFirstReceiveTimestamp',
  'ApproximateReceiveCount',
  'SenderId',
  'SentTimestamp',
  'MessageDeduplicationId',
  'MessageGroupId',
  'SequenceNumber',
];

/** A receipt handle that SQS never gave: it is asked to delete that, which says whether it answers and whether we may delete, and changes nothing. */
const NO_RECEIPT = 'sluice-asks-whether-it-may-delete';

/** How servers other than AWS's put it. */
const NO_SUCH_RECEIPT: ReadonlySet<string> = new Set(['ReceiptHandleIsInvalid', 'InvalidParameterValue']);

/** One queue at SQS: each call is one signed request, never repeated here. They reject with the client library's errors, or NotDialled. */
export class Queue {
  readonly #client: SQSClient;
  readonly #agents: Agents;
  readonly #queueUrl: string;
  readonly #endpoint: string;

  constructor(target: Target, context: Dials, tls?: TlsSettings) {
    this.#queueUrl = target.queueUrl;
    this.#endpoint = target.endpoint;
    this.#agents = dialledAgents(target, context, tls);
    const { accessKeyId, secretAccessKey, region, endpoint } = target;
    // Everything is said that the library would otherwise look for in the environment, in files or at a metadata service.
    this.#client = new SQSClient({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey }, // an object of its own: the library adds keys to it
      useQueueUrlAsEndpoint: false,
      maxAttempts: 1,
      retryMode: 'standard',
      defaultsMode: 'standard',
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      authSchemePreference: [],
      disableClockSkewCorrection: false,
      userAgentAppId: 'sluice',
      requestHandler: new NodeHttpHandler({
        httpAgent: this.#agents.httpAgent,
        httpsAgent: this.#agents.httpsAgent,
        connectionTimeout: ANSWER_MS,
        requestTimeout: ANSWER_MS,
        throwOnRequestTimeout: true,
        socketTimeout: SILENCE_MS,
      }),
    });
  }

  /** Waits up to `waitS` seconds for messages and takes up to {@link BATCH}; for `visibilityS` seconds nobody else gets them. */
  async receive(waitS: number, visibilityS: number, signal?: AbortSignal): Promise<readonly Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: BATCH,
      WaitTimeSeconds: waitS,
      VisibilityTimeout: visibilityS,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: SYSTEM_ATTRIBUTES,
      // As it was called before: servers other than AWS's may know that only. The client's types leave these names out.
      AttributeNames: SYSTEM_ATTRIBUTES as string[] as QueueAttributeName[],
    });
    const { Messages = [] } = await this.#answer(
      this.#client.send(command, {
        requestTimeout: waitS * 1_000 + ANSWER_MS,
        ...(signal === undefined ? {} : { abortSignal: signal }),
      }),
    );
    return Messages;
  }

  /** Deletes up to {@link BATCH}; resolves with the receipts of those that SQS did not delete. */
  async delete(receipts: readonly string[]): Promise<readonly string[]> {
    const Entries = receipts.map((ReceiptHandle, index) => ({ Id: `${index}`, ReceiptHandle }));
    const { Failed = [] } = await this.#answer(this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries })));
    return Failed.flatMap(({ Id }) => receipts[Number(Id)] ?? []);
  }

  /** Of up to {@link BATCH}: from now on, nobody else gets them for `seconds`; 0: at once. Resolves with the receipts of those that SQS knows no more. */
  async hideFor(seconds: number, receipts: readonly string[]): Promise<readonly string[]> {
    const Entries = receipts.map((ReceiptHandle, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: seconds }));
    const { Failed = [] } = await this.#answer(
      this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#queueUrl, Entries })),
    );
    return Failed.flatMap(({ Id }) => receipts[Number(Id)] ?? []);
  }

  async send(message: Omit<SendMessageCommandInput, 'QueueUrl'>): Promise<string | undefined> {
    return (await this.#answer(this.#client.send(new SendMessageCommand({ ...message, QueueUrl: this.#queueUrl })))).MessageId;
  }

  /** Resolves when SQS answers for this queue and lets us delete from it. Takes no message and changes nothing. */
  async ask(signal?: AbortSignal): Promise<void> {
    await this.#askFor(
      new DeleteMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries: [{ Id: '0', ReceiptHandle: NO_RECEIPT }] }),
      signal,
    );
  }

  /** As {@link ask}, of keeping messages hidden. */
  async askToHide(signal?: AbortSignal): Promise<void> {
    const Entries = [{ Id: '0', ReceiptHandle: NO_RECEIPT, VisibilityTimeout: 0 }];
    await this.#askFor(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#queueUrl, Entries }), signal);
  }

  async #askFor(command: DeleteMessageBatchCommand | ChangeMessageVisibilityBatchCommand, signal: AbortSignal | undefined): Promise<void> {
    try {
      const options = signal === undefined ? {} : { abortSignal: signal };
      if (command instanceof DeleteMessageBatchCommand) await this.#answer(this.#client.send(command, options));
      else await this.#answer(this.#client.send(command, options));
    } catch (error) {
      if (!NO_SUCH_RECEIPT.has(codeOf(error))) throw error;
    }
  }

  async #answer<T>(asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked;
      understood(this.#endpoint);
      return answer;
    } catch (error) {
      throw isUnreadable(error) ? unreadable(this.#endpoint, reasonOf(error, 'sqs:ReceiveMessage')) : error;
    }
  }

  /** Ends every socket. */
  close(): void {
    this.#client.destroy();
    this.#agents.close();
  }
}
