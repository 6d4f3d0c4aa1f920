import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { Rules, has, hostOfUrl, isTemplate, text } from '../fields.ts';

export const SqsConfig = z.strictObject({
  queueUrl: text(1, 256, {
    title: 'Queue URL',
    description: 'As https://sqs.us-east-1.amazonaws.com/123456789012/my-queue.',
    template: true,
  }),
  region: text(4, 128, { title: 'Region', description: 'As us-east-1.', template: true }).optional(),
  accessKeyId: text(4, 128, { title: 'Access key id', template: true }).optional(),
  secretAccessKey: text(4, 128, { title: 'Secret access key', template: true, secret: true }).optional(),
});
export type SqsConfig = z.output<typeof SqsConfig>;

const INLINE = ['region', 'accessKeyId', 'secretAccessKey'];

export const sqs: Definition<SqsConfig> = {
  type: 'sqs',
  title: 'Amazon SQS',
  config: SqsConfig,
  capabilities: { delivery: () => 'at-least-once', queue: false, send: true, providerIds: true, topics: false },
  credential: 'aws',
  inlineAuthentication: INLINE,
  authentication: (config, credentialName) =>
    credentialName !== undefined ? 'credential' : has(config, 'accessKeyId', 'secretAccessKey') ? 'inline' : 'none',
  rules({ config, credentialName }) {
    const rules = new Rules('sqsConfig', config);
    const { queueUrl } = config;
    if (!isTemplate(queueUrl)) {
      if (hostOfUrl(String(queueUrl), ['https', 'http']) === undefined)
        rules.refuse('queueUrl', 'must be the URL of a queue, beginning with https://');
      else if (/^\w+:\/\/[^/?#]*@/.test(String(queueUrl))) rules.refuse('queueUrl', 'must not carry a user name or password');
    }
    if (credentialName !== undefined)
      rules.none(['accessKeyId', 'secretAccessKey'], 'cannot be combined with credentialName: choose one way to authenticate');
    else for (const field of INLINE) if (!has(config, field)) rules.refuse(field, 'is required unless credentialName is given');
    return rules.issues;
  },
  endpoints({ queueUrl }) {
    const host = typeof queueUrl === 'string' && !isTemplate(queueUrl) ? hostOfUrl(queueUrl, ['https', 'http']) : undefined;
    return host === undefined ? [] : [{ field: 'queueUrl', host }];
  },
};
