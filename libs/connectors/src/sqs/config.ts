import { z } from 'zod';
import { text } from '../fields.ts';

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

/** What a connection is made of: the integration's own keys, or those of the service credential it names. */
export type ResolvedSqsConfig = SqsConfig & {
  readonly credential?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly region?: string | undefined }
    | undefined;
};

const Attribute = z.strictObject({
  /** Binary: base64. */
  value: z.union([z.string(), z.number()], 'must be a text or a number'),
  dataType: z
    .string()
    .max(256)
    .regex(/^(String|Number|Binary)(\..+)?$/, 'must be String, Number or Binary, with a label of your own behind a dot if you like'),
});

/** What SQS takes of attributes with one message. */
const MAX_ATTRIBUTES = 10;

const Attributes = z
  .record(
    z
      .string()
      .max(256)
      .regex(/^[A-Za-z0-9_.-]+$/, 'must be a name of letters, digits, hyphens, underscores and dots'),
    Attribute,
  )
  .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `must be at most ${MAX_ATTRIBUTES}`);

/** Options of one send; the payload is the message's body, as text. */
export const SqsSend = z.strictObject({
  attributes: Attributes.optional(),
  /** A FIFO queue needs one. */
  messageGroupId: z.string().min(1).max(128).optional(),
  messageDeduplicationId: z.string().min(1).max(128).optional(),
});
export type SqsSend = z.infer<typeof SqsSend>;
