import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { path, render, renderRequired, requiredTemplate, template, textMethod } from './config.ts';
import { integrationOf, reported, throughIntegration } from './output.ts';
import { messageOf, withResult } from './payload.ts';

const Config = z
  .looseObject({
    integrationId: template,
    nameTemplate: requiredTemplate,
    /** The integration's own device goes first. */
    deviceTemplate: template,
    productTemplate: template,
    argMethod: textMethod,
    argTemplate: template,
    argPayloadPath: path,
    resultPath: path,
  })
  .superRefine(throughIntegration('accessToken'));
type Config = z.infer<typeof Config>;

/** Calls a function of a device; never queued. What Particle says, good or bad, is the result. */
export const particleCall: NodeType<Config> = {
  type: 'ParticleCallNode',
  config: Config,
  action: (config) => (step) => call(step, config),
};

async function call(step: Step, config: Config): Promise<Outcome> {
  const integration = integrationOf(step, config.integrationId, 'particle');
  const name = renderRequired(step, 'nameTemplate', config.nameTemplate);
  const device = render(step, config.deviceTemplate);
  const product = render(step, config.productTemplate);
  const payload = messageOf(step, {
    method: config.argMethod,
    template: ['argTemplate', config.argTemplate],
    path: ['argPayloadPath', config.argPayloadPath],
  });
  const options = { name, ...(device === '' ? {} : { device }), ...(product === '' ? {} : { product }) };
  const reply = await step.ports.send({ id: step.outputId, integration, options, payload });
  const error = reported(step, integration.id, reply, config.resultPath);
  return withResult(step, config.resultPath, error === undefined ? reply.result : { error: { message: error.message } });
}
