import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType, Output } from '../node.ts';
import { render, renderRequired, requiredTemplate, template } from './config.ts';
import { integrationOf, requireSent } from './output.ts';

const Config = z.looseObject({
  integrationId: requiredTemplate,
  messageTemplate: requiredTemplate,
  /** How the message's bytes are written: utf8 goes out as a text frame, any other as a binary one. */
  encodingTemplate: template,
});

/** Sends a frame. Never queued: a failure throws. */
export const websocketMessage: NodeType<z.infer<typeof Config>> = {
  type: 'WebsocketMessageNode',
  config: Config,
  action:
    ({ integrationId, messageTemplate, encodingTemplate }) =>
    async (step) => {
      const integration = integrationOf(step, integrationId, 'websocket');
      const message = renderRequired(step, 'messageTemplate', messageTemplate);
      const encoding = render(step, encodingTemplate);
      const reply = await step.ports.send({ id: step.outputId, integration, ...frameOf(message, encoding === '' ? 'utf8' : encoding) });
      requireSent(integration.id, reply);
      return { payload: step.payload, output: 0 };
    },
};

function frameOf(message: string, encoding: string): Pick<Output, 'options' | 'payload' | 'encoding'> {
  if (!Buffer.isEncoding(encoding))
    throw new NodeError('InvalidEncoding', `encodingTemplate: ${encoding.slice(0, 40)} is no encoding: utf8, base64, hex, latin1, …`);
  if (/^utf-?8$/i.test(encoding)) return { options: { binary: false }, payload: message };
  const form = FORMS[encoding.toLowerCase()];
  // Node takes what it can read and leaves out the rest.
  if (form !== undefined && !form.test(message)) throw new NodeError('InvalidEncoding', `the message is not ${encoding}`);
  return { options: { binary: true }, payload: Buffer.from(message, encoding).toString('base64'), encoding: 'base64' };
}

const FORMS: Readonly<Record<string, RegExp>> = {
  hex: /^(?:[0-9a-f]{2})*$/i,
  base64: /^[A-Za-z0-9+/]*={0,2}$/,
  base64url: /^[A-Za-z0-9_-]*={0,2}$/,
};
