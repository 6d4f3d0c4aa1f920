import { type ClientConfig, PubSub } from '@google-cloud/pubsub';
import { type ChannelCredentials, Metadata, credentials } from '@grpc/grpc-js';
import { type ConnectionConfig, ConnectorError } from '#lib/connector-sdk';
import type { Dial } from '../socket.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';
import { DialledCredentials, doorstepPort } from './dialled-credentials.ts';
import { Dialler } from './dialler.ts';
import { type ServiceAccountKey, parseKeyFile } from './key-file.ts';
import { selfSignedTokens } from './signed-token.ts';

const TLS_PORT = 443;

/** Instead of Google's own service. */
export interface Service {
  readonly host: string;
  readonly port: number;
  /** `plain`: gRPC without TLS and authentication, as Google's emulator has it. Else the PEM of the authority that is trusted. */
  readonly trust: 'plain' | { readonly ca: string };
}

export interface Client {
  readonly pubsub: PubSub;
  readonly projectId: string;
  readonly dialler: Dialler;
  /** The outcome of a call, or sooner why the link is gone. */
  readonly call: <T>(work: Promise<T>) => Promise<T>;
  /** Ends calls, streams and the connection. */
  close(): Promise<void>;
}

/** One context for all: one for each costs ten times the memory. */
let googleTls: ChannelCredentials | undefined;

function keyOf({ keyJson, credential }: ResolvedGooglePubSubConfig): ServiceAccountKey {
  const source = keyJson ?? credential?.keyJson;
  if (source === undefined) throw new ConnectorError('misconfigured', 'There is no key file: give keyJson or a service credential.');
  const key = parseKeyFile(source);
  if (typeof key === 'string') throw new ConnectorError('misconfigured', `The key file ${key}.`);
  return key;
}

function channelOf(service: Service | undefined, key: ServiceAccountKey, dialler: Dialler): ChannelCredentials {
  if (service?.trust === 'plain') return new DialledCredentials(credentials.createInsecure(), dialler.connect);
  const tls = service === undefined ? (googleTls ??= credentials.createSsl()) : credentials.createSsl(Buffer.from(service.trust.ca));
  const token = selfSignedTokens(key);
  return credentials.combineChannelCredentials(
    new DialledCredentials(tls, dialler.connect),
    credentials.createFromMetadataGenerator((_call, done) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token()}`);
      done(null, metadata);
    }),
  );
}

/** A client that is not connected yet: the first call dials. Throws ConnectorError for a key file that can't be used. */
export async function openClient({ config }: ConnectionConfig<ResolvedGooglePubSubConfig>, dial: Dial, service?: Service): Promise<Client> {
  const key = keyOf(config);
  const projectId = config.projectId ?? key.projectId;
  if (projectId === undefined) throw new ConnectorError('misconfigured', 'projectId is required, for the key file names no project.');
  const { host, port } = service ?? { host: `pubsub.${key.universeDomain}`, port: TLS_PORT };
  const dialler = new Dialler(dial, host, port, service?.trust !== 'plain');
  const channel = {
    'grpc.default_authority': host,
    'grpc.ssl_target_name_override': host,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // A record of events for a debugger that nobody runs.
    'grpc.enable_channelz': 0,
  };
  const pubsub = new PubSub({
    ...channel,
    projectId,
    // Said outright, each of these keeps the library from looking for one of its own in the environment, in files or at the metadata server.
    apiEndpoint: `127.0.0.1:${await doorstepPort()}`,
    emulatorMode: false,
    sslCreds: channelOf(service, key, dialler),
    authClient: { universeDomain: key.universeDomain } as NonNullable<ClientConfig['authClient']>,
    universeDomain: key.universeDomain,
  });
  return {
    pubsub,
    projectId,
    dialler,
    call: (work) => dialler.orEnd(work),
    close: async () => {
      await pubsub.close();
      dialler.end(new ConnectorError('lost', 'The connection was closed.'));
    },
  };
}
