import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { path, render, renderRequired, requiredTemplate, template, textMethod } from './config.ts';
import { reported } from './output.ts';
import { authenticates, renderGiven, wayOf } from './own-access.ts';
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
    accessToken: template,
  })
  .superRefine(authenticates('ParticleCallNode'));
type Config = z.infer<typeof Config>;

/** Calls a function of a device; never queued. What Particle says, good or bad, is the result. */
export const particleCall: NodeType<Config> = {
  type: 'ParticleCallNode',
  config: Config,
  action: (config) => (step) => call(step, config),
};

async function call(step: Step, config: Config): Promise<Outcome> {
  const way = wayOf(step, config.integrationId, 'particle', () => ({ config: renderGiven(step, config, { accessToken: 'accessToken' }) }));
  const name = renderRequired(step, 'nameTemplate', config.nameTemplate);
  const device =
    way.through === undefined ? render(step, config.deviceTemplate) : renderRequired(step, 'deviceTemplate', config.deviceTemplate);
  const product = render(step, config.productTemplate);
  const payload = messageOf(step, {
    method: config.argMethod,
    template: ['argTemplate', config.argTemplate],
    path: ['argPayloadPath', config.argPayloadPath],
  });
  const options = { name, ...(device === '' ? {} : { device }), ...(product === '' ? {} : { product }) };
  const reply = await step.ports.send({ id: step.outputId, ...way, options, payload });
  const error = reported(step, way, reply, config.resultPath);
  return withResult(step, config.resultPath, error === undefined ? reply.result : { error: { message: error.message } });
}
