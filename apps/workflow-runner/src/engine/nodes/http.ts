import { type HttpAnswer, type HttpCall, HttpFailure } from '../http.ts';
import type { NodeType, Outcome, Step } from '../node.ts';
import { render, renderRequired } from './config.ts';
import { encodingOf } from './encoding.ts';
import { failed } from './error-behavior.ts';
import { bodyOf, type Common } from './http-body.ts';
import { HttpConfig } from './http-config.ts';
import { authOf, headersOf, secondsOf, shownHeaders, withType } from './http-request.ts';
import { withResult } from './payload.ts';

/**
 * Makes an HTTP request; the answer, whatever its status, is at `responsePath`. A request that gets no answer is an error. The answer to one that changes
 * something is on record: a run that is interrupted after it and starts again doesn't make it again. One that was interrupted before does: a receiver that must
 * not see that twice needs a key of the author's in it.
 */
export const http: NodeType<HttpConfig> = {
  type: 'HttpNode',
  config: HttpConfig,
  recorded: true,
  action: (config) => (step) => request(step, config),
};

async function request(step: Step, config: HttpConfig): Promise<Outcome> {
  const own = headersOf(step, config);
  const common: Common = {
    id: step.outputId,
    applicationId: step.run.applicationId,
    caCertificate: render(step, config.caCertTemplate) || undefined,
    verify: !config.disableSSLVerification,
    timeoutMs: secondsOf(step, config.timeoutTemplate) * 1_000,
    abandoned: () => step.over,
  };
  const encoding = encodingOf('encodingTemplate', render(step, config.encodingTemplate));
  const { method } = config;
  const call: HttpCall = {
    ...common,
    method,
    uri: renderRequired(step, 'uriTemplate', config.uriTemplate),
    headers: own,
    auth: authOf(step, config),
    followRedirects: !config.disableRedirects,
  };
  const begun = performance.now();
  let answer: HttpAnswer;
  let headers: Record<string, string>;
  try {
    const body = await bodyOf(step, config, common);
    headers = withType(own, body, config);
    answer = await step.ports.http({ ...call, headers, body: body.bytes });
  } catch (error) {
    if (error instanceof HttpFailure) return failed(step, config, error);
    throw error;
  }
  return withResult(step, config.responsePath, {
    statusCode: answer.statusCode,
    headers: answer.headers,
    body: answerBody(answer.body, encoding),
    requestDuration: Math.round(performance.now() - begun),
    request: { method, uri: answer.uri, headers: shownHeaders(headers) },
  });
}

/** Parsed where it is JSON; bytes in another encoding are text. */
function answerBody(body: Buffer, encoding: BufferEncoding): unknown {
  const text = body.toString(encoding);
  if (/^(?:hex|base64)/i.test(encoding)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // text like any other
  }
}
