import { generateKeyPairSync } from 'node:crypto';
import { IntegrationType } from '#lib/contracts';
import { describe, expect, it } from 'vitest';
import { checkIntegration, definitionOf, fieldsOf, type IntegrationInput, secretPaths, templatePaths } from './index.ts';

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const keyJson = (fields: Record<string, unknown> = {}): string =>
  JSON.stringify({ type: 'service_account', project_id: 'p', client_email: 'a@b.c', private_key: key, ...fields });

/** A configuration of each type that needs nothing else. */
const good: Record<IntegrationType, Record<string, unknown>> = {
  sqs: { queueUrl: 'https://sqs.us-east-1.amazonaws.com/1/q', region: 'us-east-1', accessKeyId: 'AKIA', secretAccessKey: 'secret' },
  azureEventHub: {
    hubName: 'h',
    consumerGroup: '$Default',
    connectionString: 'Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k',
  },
  googlePubSub: { keyJson: keyJson() },
  mqtt: { protocol: 'mqtt', host: 'broker.example', port: 1883 },
  particle: { accessToken: 'token' },
  websocket: { url: 'wss://example.org/path?query=1' },
};

interface Case {
  readonly with?: Record<string, unknown>;
  readonly without?: readonly string[];
  readonly credential?: string;
  readonly topics?: readonly string[];
}
const inputOf = (type: IntegrationType, { with: added = {}, without = [], credential, topics = [] }: Case): IntegrationInput => ({
  credentialName: credential,
  topics,
  config: Object.fromEntries(Object.entries({ ...good[type], ...added }).filter(([name]) => !without.includes(name))),
});

/** Places of what is wrong, sorted; [] when nothing is. */
function wrongIn(type: IntegrationType, given: Case): string[] {
  const checked = checkIntegration(definitionOf(type), inputOf(type, given));
  return checked.ok ? [] : checked.issues.map(({ path }) => path.join('.')).sort();
}

const x = (length: number): string => 'x'.repeat(length);
const wordsOf = (type: IntegrationType, field: string): string => `${type}Config.${field}`;

/** [type, field, shortest, longest, what makes the field legal there] from REFERENCE §1. */
const LIMITS: readonly (readonly [IntegrationType, string, number, number, Case?])[] = [
  ['sqs', 'region', 4, 128],
  ['sqs', 'accessKeyId', 4, 128],
  ['sqs', 'secretAccessKey', 4, 128],
  ['azureEventHub', 'hubName', 1, 256],
  ['azureEventHub', 'consumerGroup', 1, 256],
  ['googlePubSub', 'projectId', 1, 255],
  ['mqtt', 'clientId', 1, 1024],
  ['mqtt', 'username', 1, 1024],
  ['mqtt', 'password', 1, 1024, { with: { username: 'u' } }],
  ['mqtt', 'privateKey', 4, 32_767, { with: { protocol: 'mqtts', certificate: 'cert' } }],
  ['mqtt', 'certificate', 4, 32_767, { with: { protocol: 'wss', privateKey: 'key!' } }],
  ['mqtt', 'caCertificate', 4, 32_767, { with: { protocol: 'mqtts' } }],
  ['particle', 'accessToken', 1, 1024],
  ['particle', 'deviceNameOrId', 1, 1024],
  ['particle', 'productSlugOrId', 1, 1024],
  ['particle', 'orgSlugOrId', 1, 1024],
  ['websocket', 'username', 1, 1024, { with: { password: 'p' } }],
  ['websocket', 'password', 1, 1024],
  ['websocket', 'privateKey', 4, 32_767, { with: { certificate: 'cert' } }],
  ['websocket', 'certificate', 4, 32_767, { with: { privateKey: 'key!' } }],
  ['websocket', 'caCertificate', 4, 32_767],
];

describe.each(IntegrationType.options)('a %s integration', (type) => {
  it('is accepted with what it needs', () => expect(wrongIn(type, {})).toEqual([]));
  it('refuses a property it doesn’t know', () => expect(wrongIn(type, { with: { nope: 1 } })).toEqual([wordsOf(type, 'nope')]));
  it('refuses null for absent', () => {
    for (const field of Object.keys(good[type])) expect(wrongIn(type, { with: { [field]: null } })).toContain(wordsOf(type, field));
  });
  it('refuses a configuration that is none', () => {
    for (const config of [undefined, null, 'text', []]) expect(checkIntegration(definitionOf(type), { topics: [], config }).ok).toBe(false);
  });
  it('has a title for each field', () => {
    expect(fieldsOf(definitionOf(type)).filter(({ marks }) => marks.title === undefined)).toEqual([]);
  });
});

describe.each(LIMITS.map(([type, field, min, max, legal = {}]) => ({ type, field, min, max, legal })))(
  '$type: $field has $min to $max characters',
  ({ type, field, min, max, legal }) => {
    const at = (length: number): string[] => wrongIn(type, { ...legal, with: { ...legal.with, [field]: x(length) } });
    it('and both ends are included', () => expect([at(min), at(max)]).toEqual([[], []]));
    it('and blank, shorter and longer are refused', () => {
      expect([at(0), at(min - 1), at(max + 1)]).toEqual([[wordsOf(type, field)], [wordsOf(type, field)], [wordsOf(type, field)]]);
    });
  },
);

it.each([
  ['sqs', 'queueUrl', `https://a.example/${x(238)}`, 256],
  ['azureEventHub', 'hostName', x(250), 256],
  ['azureEventHub', 'connectionString', `Endpoint=sb://a.example/;SharedAccessKeyName=n;SharedAccessKey=${x(961)}`, 1024],
  ['googlePubSub', 'keyJson', keyJson({ more: x(30_000) }), 32_767],
  ['mqtt', 'host', 'a.b', 1024],
  ['websocket', 'url', `wss://a.example/${x(1008)}`, 1024],
] as const)('%s: %s may be long, and no longer', (type, field, value, max) => {
  const given: Case = field === 'hostName' ? { without: ['connectionString'], credential: 'c' } : {};
  expect(value.length).toBeLessThanOrEqual(max);
  expect(wrongIn(type, { ...given, with: { [field]: value } })).toEqual([]);
  expect(wrongIn(type, { ...given, with: { [field]: value + x(max + 1 - value.length) } })).toContain(wordsOf(type, field));
});

/** Rules across fields of REFERENCE §1; the places that are refused. */
const RULES: readonly (readonly [IntegrationType, string, Case, readonly string[]])[] = [
  ['sqs', 'a credential stands for the keys', { credential: 'c', without: ['region', 'accessKeyId', 'secretAccessKey'] }, []],
  ['sqs', 'a credential and keys', { credential: 'c' }, ['sqsConfig.accessKeyId', 'sqsConfig.secretAccessKey']],
  [
    'sqs',
    'neither',
    { without: ['region', 'accessKeyId', 'secretAccessKey'] },
    ['sqsConfig.accessKeyId', 'sqsConfig.region', 'sqsConfig.secretAccessKey'],
  ],
  ['sqs', 'a region is missing', { without: ['region'] }, ['sqsConfig.region']],
  ['sqs', 'no queue', { without: ['queueUrl'] }, ['sqsConfig.queueUrl']],
  ['sqs', 'no URL', { with: { queueUrl: 'my-queue' } }, ['sqsConfig.queueUrl']],
  ['sqs', 'another protocol', { with: { queueUrl: 'ftp://a.example/q' } }, ['sqsConfig.queueUrl']],
  ['sqs', 'a user in the URL', { with: { queueUrl: 'https://u:p@a.example/q' } }, ['sqsConfig.queueUrl']],
  ['sqs', 'a template for the URL', { with: { queueUrl: '{{globals.queue}}' } }, []],
  ['sqs', 'topics', { topics: ['a'] }, ['topics']],
  [
    'azureEventHub',
    'a credential and a host',
    { credential: 'c', with: { hostName: 'n.servicebus.windows.net' }, without: ['connectionString'] },
    [],
  ],
  ['azureEventHub', 'a credential without a host', { credential: 'c', without: ['connectionString'] }, ['azureEventHubConfig.hostName']],
  ['azureEventHub', 'a host without a credential', { with: { hostName: 'n.example' }, without: ['connectionString'] }, ['credentialName']],
  [
    'azureEventHub',
    'a credential and a connection string',
    { credential: 'c', with: { hostName: 'n.example' } },
    ['azureEventHubConfig.connectionString'],
  ],
  ['azureEventHub', 'a host and a connection string', { with: { hostName: 'n.example' } }, ['azureEventHubConfig.hostName']],
  ['azureEventHub', 'neither', { without: ['connectionString'] }, ['azureEventHubConfig.connectionString']],
  ['azureEventHub', 'no hub', { without: ['hubName'] }, ['azureEventHubConfig.hubName']],
  ['azureEventHub', 'no consumer group', { without: ['consumerGroup'] }, ['azureEventHubConfig.consumerGroup']],
  [
    'azureEventHub',
    'a URL for the host',
    { credential: 'c', with: { hostName: 'sb://n.example' }, without: ['connectionString'] },
    ['azureEventHubConfig.hostName'],
  ],
  [
    'azureEventHub',
    'names that are none',
    { with: { hubName: 'a;Endpoint=sb://b', consumerGroup: 'a/b' } },
    ['azureEventHubConfig.consumerGroup', 'azureEventHubConfig.hubName'],
  ],
  ['azureEventHub', 'templates for names', { with: { hubName: '{{globals.hub}}', consumerGroup: '{{globals.group}}' } }, []],
  ['azureEventHub', 'partition keys', { topics: ['a', 'b c'] }, []],
  ['googlePubSub', 'a credential stands for the key', { credential: 'c', without: ['keyJson'] }, []],
  ['googlePubSub', 'a credential and a key', { credential: 'c' }, ['googlePubSubConfig.keyJson']],
  ['googlePubSub', 'neither', { without: ['keyJson'] }, ['googlePubSubConfig.keyJson']],
  ['googlePubSub', 'no JSON', { with: { keyJson: 'nope' } }, ['googlePubSubConfig.keyJson']],
  ['googlePubSub', 'another kind of key', { with: { keyJson: keyJson({ type: 'external_account' }) } }, ['googlePubSubConfig.keyJson']],
  ['googlePubSub', 'a key without a project', { with: { keyJson: keyJson({ project_id: undefined }) } }, ['googlePubSubConfig.projectId']],
  ['googlePubSub', 'a project of its own', { with: { keyJson: keyJson({ project_id: undefined }), projectId: 'p' } }, []],
  ['googlePubSub', 'bare topics', { topics: ['myTopic', 'a.b-c_d~1'] }, []],
  ['googlePubSub', 'a topic’s whole name', { topics: ['projects/p/topics/t'] }, ['topics.0']],
  ['mqtt', 'a password needs a user', { with: { password: 'p' } }, ['mqttConfig.username']],
  ['mqtt', 'a user alone', { with: { username: 'u' } }, []],
  ['mqtt', 'half a certificate', { with: { protocol: 'mqtts', certificate: 'cert' } }, ['mqttConfig.privateKey']],
  ['mqtt', 'the other half', { with: { protocol: 'mqtts', privateKey: 'key!' } }, ['mqttConfig.certificate']],
  [
    'mqtt',
    'a certificate without TLS',
    { with: { privateKey: 'key!', certificate: 'cert' } },
    ['mqttConfig.certificate', 'mqttConfig.privateKey'],
  ],
  ['mqtt', 'a CA without TLS', { with: { protocol: 'ws', caCertificate: 'cert' } }, ['mqttConfig.caCertificate']],
  [
    'mqtt',
    'a password and a certificate',
    { with: { protocol: 'wss', username: 'u', password: 'p', privateKey: 'key!', certificate: 'cert' } },
    ['mqttConfig.password', 'mqttConfig.username'],
  ],
  ['mqtt', 'another protocol', { with: { protocol: 'tcp' } }, ['mqttConfig.protocol']],
  ['mqtt', 'another version', { with: { protocolVersion: '3.1' } }, ['mqttConfig.protocolVersion']],
  ['mqtt', 'version 5', { with: { protocolVersion: '5', clean: false } }, []],
  [
    'mqtt',
    'no protocol, host or port',
    { without: ['protocol', 'host', 'port'] },
    ['mqttConfig.host', 'mqttConfig.port', 'mqttConfig.protocol'],
  ],
  ['mqtt', 'port 0', { with: { port: 0 } }, ['mqttConfig.port']],
  ['mqtt', 'port 65536', { with: { port: 65_536 } }, ['mqttConfig.port']],
  ['mqtt', 'half a port', { with: { port: 1.5 } }, ['mqttConfig.port']],
  ['mqtt', 'a port as text', { with: { port: '1883' } }, ['mqttConfig.port']],
  ['mqtt', 'a port as a template', { with: { port: '{{globals.port}}' } }, []],
  ['mqtt', 'the last port', { with: { port: 65_535 } }, []],
  ['mqtt', 'a URL for the host', { with: { host: 'mqtt://a.example' } }, ['mqttConfig.host']],
  ['mqtt', 'a port in the host', { with: { host: 'a.example:1883' } }, ['mqttConfig.host']],
  ['mqtt', 'an IPv6 host', { with: { host: '2001:db8::1' } }, []],
  ['mqtt', 'a credential', { credential: 'c' }, ['credentialName']],
  ['mqtt', 'topic filters', { topics: ['a/+/b', '#', '$share/g/a/#'] }, []],
  ['mqtt', 'wrong topic filters', { topics: ['a/#/b', 'a+', '', '$share//a'] }, ['topics.0', 'topics.1', 'topics.2', 'topics.3']],
  ['particle', 'no token', { without: ['accessToken'] }, ['particleConfig.accessToken']],
  ['particle', 'names of events', { topics: ['exact', 'foo*', '*', 'with space'] }, []],
  ['particle', 'a star inside', { topics: ['f*o', '**', ''] }, ['topics.0', 'topics.1', 'topics.2']],
  ['particle', 'a credential', { credential: 'c' }, ['credentialName']],
  ['websocket', 'a password alone', { with: { password: 'p' } }, []],
  ['websocket', 'a user without a password', { with: { username: 'u' } }, ['websocketConfig.password']],
  [
    'websocket',
    'a password and a certificate',
    { with: { password: 'p', privateKey: 'key!', certificate: 'cert' } },
    ['websocketConfig.password'],
  ],
  ['websocket', 'half a certificate', { with: { certificate: 'cert' } }, ['websocketConfig.privateKey']],
  [
    'websocket',
    'a certificate without TLS',
    { with: { url: 'ws://a.example', privateKey: 'key!', certificate: 'cert' } },
    ['websocketConfig.certificate', 'websocketConfig.privateKey'],
  ],
  ['websocket', 'a CA without TLS', { with: { url: 'ws://a.example', caCertificate: 'cert' } }, ['websocketConfig.caCertificate']],
  [
    'websocket',
    'a CA that is not looked at',
    { with: { disableSSLVerification: true, caCertificate: 'cert' } },
    ['websocketConfig.caCertificate'],
  ],
  ['websocket', 'a credential', { credential: 'c' }, []],
  ['websocket', 'a credential and a password', { credential: 'c', with: { password: 'p' } }, ['websocketConfig.password']],
  ['websocket', 'another protocol', { with: { url: 'https://a.example' } }, ['websocketConfig.url']],
  ['websocket', 'a URL with a blank before it', { with: { url: ' ws://a.example', caCertificate: 'cert' } }, ['websocketConfig.url']],
  ['websocket', 'no URL', { with: { url: 'a.example' } }, ['websocketConfig.url']],
  ['websocket', 'a user in the URL', { with: { url: 'wss://u:p@a.example' } }, ['websocketConfig.url']],
  ['websocket', 'a fragment', { with: { url: 'wss://a.example/#x' } }, ['websocketConfig.url']],
  ['websocket', 'a template in the URL', { with: { url: 'wss://{{globals.host}}/x' } }, []],
  ['websocket', 'another protocol before a template', { with: { url: 'http://{{globals.host}}' } }, ['websocketConfig.url']],
  ['websocket', 'topics', { topics: ['a'] }, ['topics']],
  ['websocket', 'headers', { with: { headers: [{ headerKey: 'X-Key', headerValue: 'v' }] } }, []],
  [
    'websocket',
    'a header that is the password',
    { with: { password: 'p', headers: [{ headerKey: 'authorization', headerValue: 'v' }] } },
    ['websocketConfig.headers.0.headerKey'],
  ],
  [
    'websocket',
    'a header that is the connection’s',
    {
      with: {
        headers: [
          { headerKey: 'Sec-WebSocket-Key', headerValue: 'v' },
          { headerKey: 'HOST', headerValue: 'v' },
        ],
      },
    },
    ['websocketConfig.headers.0.headerKey', 'websocketConfig.headers.1.headerKey'],
  ],
  ['websocket', 'subprotocols', { with: { headers: [{ headerKey: 'Sec-WebSocket-Protocol', headerValue: 'a, b' }] } }, []],
  [
    'websocket',
    'subprotocols that are no list',
    { with: { headers: [{ headerKey: 'Sec-WebSocket-Protocol', headerValue: 'a, a' }] } },
    ['websocketConfig.headers.0.headerValue'],
  ],
  [
    'websocket',
    'a header twice',
    {
      with: {
        headers: [
          { headerKey: 'A', headerValue: 'v' },
          { headerKey: 'a', headerValue: 'w' },
        ],
      },
    },
    ['websocketConfig.headers.1.headerKey'],
  ],
  [
    'websocket',
    'a line break in a header',
    { with: { headers: [{ headerKey: 'A', headerValue: 'v\r\nB: w' }] } },
    ['websocketConfig.headers.0.headerValue'],
  ],
  [
    'websocket',
    'a header’s name with a blank',
    { with: { headers: [{ headerKey: 'A B', headerValue: 'v' }] } },
    ['websocketConfig.headers.0.headerKey'],
  ],
  [
    'websocket',
    'a header without a value',
    { with: { headers: [{ headerKey: 'A', headerValue: '' }] } },
    ['websocketConfig.headers.0.headerValue'],
  ],
  [
    'websocket',
    'a header with more',
    { with: { headers: [{ headerKey: 'A', headerValue: 'v', more: 1 }] } },
    ['websocketConfig.headers.0.more'],
  ],
  ['websocket', '50 headers', { with: { headers: Array.from({ length: 50 }, (_, i) => ({ headerKey: `H${i}`, headerValue: 'v' })) } }, []],
  [
    'websocket',
    '51 headers',
    { with: { headers: Array.from({ length: 51 }, (_, i) => ({ headerKey: `H${i}`, headerValue: 'v' })) } },
    ['websocketConfig.headers'],
  ],
];

it.each(RULES)('%s: %s', (type, _what, given, places) => expect(wrongIn(type, given)).toEqual(places));

it('fills in the defaults', () => {
  const checked = checkIntegration(definitionOf('mqtt'), inputOf('mqtt', {}));
  expect(checked).toMatchObject({ ok: true, config: { protocolVersion: '3.1.1', clean: true } });
});

it('seals every field of the reference that is a secret, and no other', () => {
  expect(IntegrationType.options.map((type) => [type, ...secretPaths(definitionOf(type)).map((path) => path.join('.'))])).toEqual([
    ['sqs', 'secretAccessKey'],
    ['azureEventHub', 'connectionString'],
    ['googlePubSub', 'keyJson'],
    ['mqtt', 'password', 'privateKey'],
    ['particle', 'accessToken'],
    ['websocket', 'password', 'privateKey', 'headers.*.headerValue'],
  ]);
});

it('takes templates in every field of the reference that has a T', () => {
  expect(IntegrationType.options.map((type) => [type, ...templatePaths(definitionOf(type)).map((path) => path.join('.'))])).toEqual([
    ['sqs', 'queueUrl', 'region', 'accessKeyId', 'secretAccessKey'],
    ['azureEventHub', 'hubName', 'consumerGroup', 'hostName', 'connectionString'],
    ['googlePubSub', 'keyJson', 'projectId'],
    ['mqtt', 'host', 'port', 'clientId', 'username', 'password', 'privateKey', 'certificate', 'caCertificate'],
    ['particle', 'accessToken', 'deviceNameOrId', 'productSlugOrId', 'orgSlugOrId'],
    ['websocket', 'url', 'username', 'password', 'privateKey', 'certificate', 'caCertificate'],
  ]);
});
