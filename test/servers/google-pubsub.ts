import { createPublicKey, verify } from 'node:crypto';
import { protos } from '@google-cloud/pubsub';
import {
  type Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type handleUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

const { v1 } = protos.google.pubsub;
const { Empty } = protos.google.protobuf;
type IMessage = protos.google.pubsub.v1.IPubsubMessage;
type PullStream = ServerDuplexStream<protos.google.pubsub.v1.StreamingPullRequest, protos.google.pubsub.v1.StreamingPullResponse>;

type Method =
  | 'Publish'
  | 'GetTopic'
  | 'ListTopics'
  | 'TestIamPermissions'
  | 'CreateSubscription'
  | 'GetSubscription'
  | 'ListSubscriptions'
  | 'DeleteSubscription'
  | 'StreamingPull'
  | 'Acknowledge'
  | 'ModifyAckDeadline';

/** answer: as Google does. refuse: with a status. hang: never answered. delay: answered late. */
export type Behaviour =
  | { kind: 'answer' }
  | { kind: 'refuse'; code: status; details?: string }
  | { kind: 'hang' }
  | { kind: 'delay'; ms: number };

interface Stored {
  readonly sequence: number;
  readonly message: IMessage;
}

export interface TestSubscription {
  readonly name: string;
  topic: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Not delivered, or given back. */
  waiting: Stored[];
  /** Delivered and neither acknowledged nor given back, by acknowledgement id, with the stream that each went over. */
  readonly outstanding: Map<string, Stored & { readonly over: object }>;
}

export interface GooglePubSubServer {
  /** Where clients connect: the proxy's port. */
  readonly port: number;
  /** Before the server: refuses, drops, stalls and delays connections. */
  readonly proxy: FaultProxy;
  readonly subscriptions: Map<string, TestSubscription>;
  /** Calls answered or refused so far, by method. */
  readonly calls: Map<Method, number>;
  createTopic(name: string): void;
  /** As in Google, its subscriptions stay, without a topic. */
  deleteTopic(name: string): void;
  /** As another client does. Names are whole: projects/p/topics/t. Returns the ids. */
  publish(topic: string, ...messages: IMessage[]): string[];
  /** What was published to a topic, by anyone. */
  published(topic: string): IMessage[];
  /** A subscription of someone else's. */
  subscribe(name: string, topic: string, labels?: Record<string, string>): void;
  behave(method: Method, behaviour: Behaviour): void;
  /** Says that the permission on a topic is missing. */
  deny(topic: string, permission: string): void;
  /** Ends the streams at hand with a status, as Google does now and then. */
  endStreams(code: status): void;
  /** Everything outstanding is delivered again, as when its deadline is over. */
  redeliver(): void;
  stop(): Promise<void>;
}

export interface GooglePubSubServerOptions {
  /** PEM texts; absent: plain gRPC, as the emulator. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** PEM of the only public key that is let in; absent: everyone is. */
  readonly publicKey?: string;
  /** Each connection is told to make way for another after this long (GOAWAY), and ended a second later. Absent: never. */
  readonly connectionAgeMs?: number;
}

/** Clients take 20 MB at once. */
const MAX_ANSWER_BYTES = 19_000_000;
const SMALL_ANSWER_BYTES = 2_000_000;

/** What went over a stream that is gone comes again after this, unless it is acknowledged; Google waits for the message's deadline. */
const GONE_MS = 2_000;

class Refusal extends Error {
  readonly code: status;
  readonly details: string;
  constructor(code: status, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}
const refusal = (code: status, details: string): ServiceError => Object.assign(new Refusal(code, details), {}) as unknown as ServiceError;

interface Codec<T> {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}
/** A message of nothing but texts, in the order of its fields: the resource and its permissions, or the permissions (google.iam.v1). */
const TEXTS: Codec<string[]> = {
  encode: (texts) => ({
    finish: () =>
      Buffer.concat((texts as string[]).map((text) => Buffer.concat([Buffer.from([0x0a, Buffer.byteLength(text)]), Buffer.from(text)]))),
  }),
  decode: (bytes) => {
    const texts: string[] = [];
    for (let at = 0; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
      if ((bytes[at + 1] ?? 0x80) > 0x7f) throw new Error('a text is too long for this server');
      texts.push(Buffer.from(bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0))).toString());
    }
    return texts;
  },
};
const definition = <Q, A>(path: string, request: Codec<Q>, response: Codec<A>, streams: boolean): MethodDefinition<Q, A> => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: (value) => Buffer.from(request.encode(value as object).finish()),
  requestDeserialize: (bytes) => request.decode(bytes),
  responseSerialize: (value) => Buffer.from(response.encode(value as object).finish()),
  responseDeserialize: (bytes) => response.decode(bytes),
});

function isSignedBy(publicKey: string, metadata: Metadata): boolean {
  const [header = '', claims = '', signature = ''] = String(metadata.get('authorization')[0] ?? '')
    .replace(/^Bearer /, '')
    .split('.');
  const bytes = Buffer.from(`${header}.${claims}`);
  return verify('RSA-SHA256', bytes, createPublicKey(publicKey), Buffer.from(signature, 'base64url'));
}

/** Google Pub/Sub as far as we use it, in memory, on 127.0.0.1: plain gRPC like its emulator, or TLS and signed tokens. */
export async function startGooglePubSub(options: GooglePubSubServerOptions = {}): Promise<GooglePubSubServer> {
  const topics = new Map<string, Stored[]>();
  const subscriptions = new Map<string, TestSubscription>();
  const behaviours = new Map<Method, Behaviour>();
  const calls = new Map<Method, number>();
  const streams = new Map<PullStream, { name: string; max: number }>();
  const denied = new Set<string>();
  let sequence = 0;

  const topicOf = (name: string): Stored[] => {
    const found = topics.get(name);
    if (found === undefined) throw new Refusal(status.NOT_FOUND, `Resource not found (resource=${name}).`);
    return found;
  };
  const subscriptionOf = (name: string): TestSubscription => {
    const found = subscriptions.get(name);
    if (found === undefined) throw new Refusal(status.NOT_FOUND, `Resource not found (resource=${name}).`);
    return found;
  };
  const deliver = (subscription: TestSubscription): void => {
    for (const [stream, pull] of [...streams]) {
      const { name, max } = pull;
      if (name !== subscription.name) continue;
      const room = max === 0 ? subscription.waiting.length : Math.max(0, max - subscription.outstanding.size);
      const batch = subscription.waiting.splice(0, room);
      if (batch.length === 0) continue;
      const receivedMessages = batch.map((stored) => {
        const ackId = `${stored.sequence}-${++sequence}`;
        subscription.outstanding.set(ackId, { ...stored, over: stream });
        return { ackId, message: stored.message };
      });
      // What is more than a client takes at once goes in small answers.
      const sizes = receivedMessages.map(({ message }) => message.data?.length ?? 0);
      const most = sizes.reduce((sum, size) => sum + size, 0) > MAX_ANSWER_BYTES ? SMALL_ANSWER_BYTES : MAX_ANSWER_BYTES;
      let answer: typeof receivedMessages = [];
      let bytes = 0;
      receivedMessages.forEach((received, index) => {
        const size = sizes[index] ?? 0;
        if (answer.length > 0 && bytes + size > most) {
          stream.write(v1.StreamingPullResponse.create({ receivedMessages: answer }));
          answer = [];
          bytes = 0;
        }
        answer.push(received);
        bytes += size;
      });
      stream.write(v1.StreamingPullResponse.create({ receivedMessages: answer }));
      // The next goes to another, where there are several.
      streams.delete(stream);
      streams.set(stream, pull);
    }
  };
  const giveBack = (subscription: TestSubscription, ackIds: readonly string[]): void => {
    for (const ackId of ackIds) {
      const stored = subscription.outstanding.get(ackId);
      if (stored !== undefined) subscription.waiting.push(stored);
      subscription.outstanding.delete(ackId);
    }
    subscription.waiting.sort((a, b) => a.sequence - b.sequence);
    deliver(subscription);
  };
  const publish = (topic: string, messages: readonly IMessage[]): string[] => {
    const log = topicOf(topic);
    const now = Date.now();
    const publishTime = { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 };
    const stored = messages.map((message) => {
      sequence++;
      return { sequence, message: { ...message, messageId: String(sequence), publishTime } };
    });
    log.push(...stored);
    for (const subscription of subscriptions.values())
      if (subscription.topic === topic) {
        subscription.waiting.push(...stored);
        deliver(subscription);
      }
    return stored.map(({ message }) => message.messageId);
  };
  const described = ({ name, topic, labels }: TestSubscription): protos.google.pubsub.v1.Subscription =>
    v1.Subscription.create({ name, topic, labels: { ...labels } });
  const add = (name: string, topic: string, labels: Record<string, string>): TestSubscription => {
    const made: TestSubscription = { name, topic, labels, waiting: [], outstanding: new Map() };
    subscriptions.set(name, made);
    return made;
  };

  const timers = new Set<NodeJS.Timeout>();
  const gone = (stream: PullStream): void => {
    streams.delete(stream);
    const timer = setTimeout(() => {
      timers.delete(timer);
      for (const subscription of subscriptions.values()) {
        const late = [...subscription.outstanding].flatMap(([ackId, { over }]) => (over === stream ? [ackId] : []));
        if (late.length > 0) giveBack(subscription, late);
      }
    }, GONE_MS);
    timers.add(timer);
  };

  const judged = async (method: Method, metadata: Metadata): Promise<'go on' | 'hang'> => {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    const behaviour = behaviours.get(method) ?? { kind: 'answer' };
    if (behaviour.kind === 'hang') return 'hang';
    if (behaviour.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, behaviour.ms));
    if (options.publicKey !== undefined && !isSignedBy(options.publicKey, metadata))
      throw new Refusal(status.UNAUTHENTICATED, 'Request had invalid authentication credentials.');
    if (behaviour.kind === 'refuse') throw new Refusal(behaviour.code, behaviour.details ?? 'refused by the test');
    return 'go on';
  };
  const { connectionAgeMs } = options;
  const server = new Server({
    'grpc.max_receive_message_length': 32 * 1024 * 1024,
    'grpc.max_concurrent_streams': 100, // as Google's
    ...(connectionAgeMs === undefined ? {} : { 'grpc.max_connection_age_ms': connectionAgeMs, 'grpc.max_connection_age_grace_ms': 1_000 }),
  });
  const unary = <Q, A>(service: string, method: Method, request: Codec<Q>, response: Codec<A>, answer: (request: Q) => A): void => {
    const answered = async (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): Promise<void> => {
      try {
        if ((await judged(method, call.metadata)) === 'go on') callback(null, answer(call.request));
      } catch (error) {
        callback(error as ServiceError);
      }
    };
    const handle: handleUnaryCall<Q, A> = (call, callback) => void answered(call, callback);
    server.addService(
      { [method]: definition(`/${service.includes('.') ? service : `google.pubsub.v1.${service}`}/${method}`, request, response, false) },
      {
        [method]: handle,
      },
    );
  };

  unary('Publisher', 'Publish', v1.PublishRequest, v1.PublishResponse, ({ topic, messages }) =>
    v1.PublishResponse.create({ messageIds: publish(topic, messages) }),
  );
  unary('Publisher', 'GetTopic', v1.GetTopicRequest, v1.Topic, ({ topic }) => {
    topicOf(topic);
    return v1.Topic.create({ name: topic });
  });
  unary('Publisher', 'ListTopics', v1.ListTopicsRequest, v1.ListTopicsResponse, () =>
    v1.ListTopicsResponse.create({ topics: [...topics.keys()].map((name) => ({ name })) }),
  );
  unary('google.iam.v1.IAMPolicy', 'TestIamPermissions', TEXTS, TEXTS, ([resource = '', ...permissions]) =>
    permissions.filter((permission) => !denied.has(`${resource} ${permission}`)),
  );
  unary('Subscriber', 'CreateSubscription', v1.Subscription, v1.Subscription, ({ name, topic, labels }) => {
    topicOf(topic);
    if (subscriptions.has(name)) throw new Refusal(status.ALREADY_EXISTS, `Resource already exists (resource=${name}).`);
    return described(add(name, topic, { ...labels }));
  });
  unary('Subscriber', 'GetSubscription', v1.GetSubscriptionRequest, v1.Subscription, ({ subscription }) =>
    described(subscriptionOf(subscription)),
  );
  unary('Subscriber', 'ListSubscriptions', v1.ListSubscriptionsRequest, v1.ListSubscriptionsResponse, ({ project }) =>
    v1.ListSubscriptionsResponse.create({
      subscriptions: [...subscriptions.values()].filter(({ name }) => name.startsWith(`${project}/`)).map(described),
    }),
  );
  unary('Subscriber', 'DeleteSubscription', v1.DeleteSubscriptionRequest, Empty, ({ subscription: name }) => {
    subscriptionOf(name);
    subscriptions.delete(name);
    for (const [stream, { name: pulled }] of streams)
      if (pulled === name) stream.emit('error', refusal(status.NOT_FOUND, `Resource not found (resource=${name}).`));
    return Empty.create();
  });
  unary('Subscriber', 'Acknowledge', v1.AcknowledgeRequest, Empty, ({ subscription, ackIds }) => {
    const found = subscriptionOf(subscription);
    for (const ackId of ackIds) found.outstanding.delete(ackId);
    deliver(found);
    return Empty.create();
  });
  unary('Subscriber', 'ModifyAckDeadline', v1.ModifyAckDeadlineRequest, Empty, ({ subscription, ackIds, ackDeadlineSeconds }) => {
    const found = subscriptionOf(subscription);
    if (ackDeadlineSeconds === 0) giveBack(found, ackIds);
    return Empty.create();
  });
  const streamingPull = (stream: PullStream): void => {
    const verdict = judged('StreamingPull', stream.metadata);
    verdict.catch((error: unknown) => stream.emit('error', error));
    stream.on('data', (request: protos.google.pubsub.v1.StreamingPullRequest) => {
      void verdict.then(
        (judgement) => {
          if (judgement === 'hang' || request.subscription === '') return;
          try {
            const subscription = subscriptionOf(request.subscription);
            streams.set(stream, { name: subscription.name, max: Number(request.maxOutstandingMessages) });
            deliver(subscription);
          } catch (error) {
            stream.emit('error', error);
          }
        },
        () => undefined, // told above
      );
    });
    stream.on('cancelled', () => gone(stream));
    stream.on('error', () => streams.delete(stream));
    stream.on('end', () => {
      streams.delete(stream);
      stream.end();
    });
  };
  server.addService(
    { StreamingPull: definition('/google.pubsub.v1.Subscriber/StreamingPull', v1.StreamingPullRequest, v1.StreamingPullResponse, true) },
    { StreamingPull: streamingPull },
  );

  const { tls } = options;
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  const proxy = await startFaultProxy({ port });

  return {
    port: proxy.port,
    proxy,
    subscriptions,
    calls,
    createTopic: (name) => void topics.set(name, []),
    deleteTopic: (name) => {
      topics.delete(name);
      for (const subscription of subscriptions.values()) if (subscription.topic === name) subscription.topic = '_deleted-topic_';
    },
    publish: (topic, ...messages) => publish(topic, messages),
    published: (topic) => topicOf(topic).map(({ message }) => message),
    subscribe: (name, topic, labels = {}) => void add(name, topic, labels),
    deny: (topic, permission) => void denied.add(`${topic} ${permission}`),
    behave: (method, behaviour) => void behaviours.set(method, behaviour),
    endStreams: (code) => {
      for (const stream of [...streams.keys()]) stream.emit('error', refusal(code, 'ended by the test'));
    },
    redeliver: () => {
      for (const subscription of subscriptions.values()) giveBack(subscription, [...subscription.outstanding.keys()]);
    },
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      server.forceShutdown();
      await proxy.stop();
    },
  };
}
