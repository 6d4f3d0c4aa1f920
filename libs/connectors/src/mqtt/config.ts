import { z } from 'zod';
import { flag, isTemplate, pem, text } from '../fields.ts';
import { topicIssue } from './topic-filter.ts';

const port = z
  .union(
    [
      z
        .int('must be a whole number from 1 to 65535, or a template')
        .min(1, 'must be from 1 to 65535')
        .max(65_535, 'must be from 1 to 65535'),
      z.string().max(1024).refine(isTemplate, 'must be a number from 1 to 65535, or a template'),
    ],
    'must be a number from 1 to 65535, or a template',
  )
  .meta({ title: 'Port', description: 'Usually 1883 for mqtt, 8883 for mqtts, 80 for ws, 443 for wss.', template: true });

export const MqttConfig = z.strictObject({
  protocol: z
    .enum(['mqtt', 'mqtts', 'ws', 'wss'])
    .meta({ title: 'Protocol', description: 'MQTT over TCP or websockets; mqtts and wss with TLS.' }),
  host: text(1, 1024, { title: 'Host', description: "The broker's host name or address.", template: true }),
  port,
  protocolVersion: z.enum(['3.1.1', '5']).default('3.1.1').meta({ title: 'Protocol version', advanced: true }),
  clean: flag({
    title: 'Clean session',
    description: 'Off: the broker keeps the session and its queued messages while the link is down. On: what is sent meanwhile is lost.',
    advanced: true,
  }).default(true),
  clientId: text(1, 1024, {
    title: 'Client id',
    description: 'Sent exactly as given. Blank: one is assigned and kept.',
    template: true,
    advanced: true,
  }).optional(),
  username: text(1, 1024, { title: 'Username', template: true }).optional(),
  password: text(1, 1024, { title: 'Password', template: true, secret: true }).optional(),
  privateKey: pem({
    title: 'Private key',
    description: 'PEM, of the client certificate. Only with mqtts and wss.',
    secret: true,
  }).optional(),
  certificate: pem({ title: 'Certificate', description: 'PEM, the client certificate. Only with mqtts and wss.' }).optional(),
  caCertificate: pem({
    title: 'CA certificate',
    description: "PEM of the authority that signed the broker's certificate. Only with mqtts and wss.",
    advanced: true,
  }).optional(),
  disableSSLVerification: flag({
    title: 'Skip TLS verification',
    description: 'Accepts any certificate of the broker: for tests only.',
    advanced: true,
  }).optional(),
});
export type MqttConfig = z.output<typeof MqttConfig>;

/** Options of one send. */
export const MqttSend = z.strictObject({
  topic: z.string().superRefine((topic, context) => {
    const issue = topicIssue(topic);
    if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
  }),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).optional(),
  retain: z.boolean().optional(),
});
export type MqttSend = z.infer<typeof MqttSend>;
