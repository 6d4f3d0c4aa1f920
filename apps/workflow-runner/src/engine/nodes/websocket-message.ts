import { z } from 'zod';
import type { NodeType, Output } from '../node.ts';
import { render, renderRequired, requiredTemplate, template } from './config.ts';
import { bytesOf, encodingOf, isUtf8 } from './encoding.ts';
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
      const encoding = encodingOf('encodingTemplate', render(step, encodingTemplate));
      const reply = await step.ports.send({ id: step.outputId, integration, ...frameOf(message, encoding) });
      requireSent({ integration }, reply);
      return { payload: step.payload, output: 0 };
    },
};

function frameOf(message: string, encoding: BufferEncoding): Pick<Output, 'options' | 'payload' | 'encoding'> {
  if (isUtf8(encoding)) return { options: { binary: false }, payload: message };
  return { options: { binary: true }, payload: bytesOf('the message', message, encoding).toString('base64'), encoding: 'base64' };
}
