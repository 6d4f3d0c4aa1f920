import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkIntegration, definitionOf, MASK, mergePatchedConfig, secretPaths } from '#lib/connectors';
import type { IntegrationType } from '#lib/contracts';
import { maskFields, seal, SecretKeys, sealFields, unseal, unsealFields } from '#lib/secrets';

const PEM = '-----BEGIN X-----\nMIIB\n-----END X-----';
const KEY_FILE = JSON.stringify({
  type: 'service_account',
  project_id: 'p',
  private_key: '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n',
  client_email: 'a@p.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.googleapis.com/token',
});

/** Every way of authenticating of every type, with each of its secrets. */
const CASES: [string, IntegrationType, Record<string, unknown>][] = [
  ['mqtt with a password', 'mqtt', { protocol: 'mqtt', host: 'h.example', port: 1883, username: 'u', password: 'secret' }],
  ['mqtt with a certificate', 'mqtt', { protocol: 'mqtts', host: 'h.example', port: 8883, privateKey: PEM, certificate: PEM }],
  [
    'sqs',
    'sqs',
    {
      queueUrl: 'https://sqs.eu-west-1.amazonaws.com/1/q',
      region: 'eu-west-1',
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'secret',
    },
  ],
  [
    'azureEventHub',
    'azureEventHub',
    {
      hubName: 'h',
      consumerGroup: '$Default',
      connectionString: 'Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k',
    },
  ],
  ['googlePubSub', 'googlePubSub', { keyJson: KEY_FILE }],
  ['particle', 'particle', { accessToken: 'secret' }],
  [
    'websocket with a password and headers',
    'websocket',
    {
      url: 'wss://h.example/x',
      username: 'u',
      password: 'secret',
      headers: [
        { headerKey: 'x-one', headerValue: 'first secret' },
        { headerKey: 'x-two', headerValue: 'second secret' },
      ],
    },
  ],
  ['websocket with a certificate', 'websocket', { url: 'wss://h.example/x', privateKey: PEM, certificate: PEM }],
];

const place = (field: string) => ({ applicationId: 'a', resourceId: 'r', field });
const { key } = new SecretKeys(randomBytes(32)).newDataKey('a');

describe('promise 18, for every type: what was read and sent back leaves each secret as it is', () => {
  it.each(CASES)('%s', (_, type, config) => {
    const definition = definitionOf(type);
    const paths = secretPaths(definition);
    const created = checkIntegration(definition, { topics: [], config });
    if (!created.ok) throw new Error(JSON.stringify(created.issues));
    const stored = sealFields(paths, created.config, (clear, field) => seal(key, clear, place(field)));
    expect(JSON.stringify(stored)).not.toContain('secret"');

    const read = maskFields(paths, stored, MASK);
    expect(JSON.stringify(read)).toContain(MASK);
    const merged = mergePatchedConfig(definition, stored, read, { stored: undefined, patched: undefined });
    const checked = checkIntegration(definition, { topics: [], config: merged.config }, { kept: new Set(merged.kept.keys()) });
    if (!checked.ok) throw new Error(JSON.stringify(checked.issues));
    const never = (): never => {
      throw new Error('nothing new was sent that could be sealed');
    };
    const patched = sealFields(paths, checked.config, never, merged.kept);
    expect(patched).toEqual(stored);
    expect(unsealFields(patched, (sealed, field) => unseal(key, sealed, place(field)))).toEqual(created.config);
  });
});
