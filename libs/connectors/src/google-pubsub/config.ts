import { z } from 'zod';
import { text } from '../fields.ts';

export const GooglePubSubConfig = z.strictObject({
  keyJson: text(4, 32_767, {
    title: 'Key file',
    description: "JSON text of a service account's key. Instead of a service credential.",
    template: true,
    secret: true,
  }).optional(),
  projectId: text(1, 255, {
    title: 'Project id',
    description: "Of the topics; default: the key's own project.",
    template: true,
  }).optional(),
});
export type GooglePubSubConfig = z.output<typeof GooglePubSubConfig>;

/** As a connection gets it: a service credential's fields stand under `credential`. */
export type ResolvedGooglePubSubConfig = GooglePubSubConfig & { readonly credential?: { readonly keyJson?: string } };

/** What Google takes as the name of a topic or subscription (its limit of 3–255 characters is Google's to enforce). */
export const TopicName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9._~+%-]+$/, 'must be the bare name of a topic, as myTopic of projects/p/topics/myTopic');

/** Options of one send. */
export const GooglePubSubSend = z.strictObject({
  topic: TopicName,
  attributes: z.record(z.string(), z.string()).optional(),
});
export type GooglePubSubSend = z.infer<typeof GooglePubSubSend>;
