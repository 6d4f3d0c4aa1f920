import { renderJson } from '#lib/templating';
import { type HttpCall, HttpFailure } from '../http.ts';
import type { Step } from '../node.ts';
import { render, renderRequired } from './config.ts';
import { bytesOf, encodingOf } from './encoding.ts';
import type { HttpConfig } from './http-config.ts';

/** What every request of a node has. */
export type Common = Pick<HttpCall, 'id' | 'applicationId' | 'caCertificate' | 'verify' | 'timeoutMs' | 'abandoned'>;

/** The body of a request; no bytes: there is none. */
export interface RequestBody {
  readonly bytes?: Uint8Array;
  /** Unless a header says otherwise. */
  readonly type?: string;
}

/** The body that a node's configuration says. Rejects HttpFailure where it stands at an address and can't be had. */
export async function bodyOf(step: Step, config: HttpConfig, common: Common): Promise<RequestBody> {
  if (config.method === 'GET' || config.method === 'HEAD') return {};
  return config.bodyType === 'url' ? await fetched(step, config, common) : await made(step, config);
}

async function made(step: Step, { bodyType, bodyTemplate, bodyFields, requestEncodingTemplate }: HttpConfig): Promise<RequestBody> {
  const fields = (): [string, string][] =>
    bodyFields.map(({ keyTemplate, valueTemplate }) => [renderRequired(step, 'keyTemplate', keyTemplate), render(step, valueTemplate)]);
  switch (bodyType) {
    case 'none':
      return {};
    case 'jsonTemplate': {
      const value = renderJson(bodyTemplate, step.payload, { now: step.ports.now() });
      return { bytes: Buffer.from(JSON.stringify(value)), type: 'application/json' };
    }
    case 'urlencoded':
      return { bytes: Buffer.from(new URLSearchParams(fields()).toString()), type: 'application/x-www-form-urlencoded' };
    case 'multipart': {
      const form = new FormData();
      for (const [key, value] of fields()) form.append(key, value);
      const encoded = new Response(form);
      return { bytes: await encoded.bytes(), type: encoded.headers.get('content-type') ?? '' };
    }
    default: {
      const encoding = encodingOf('requestEncodingTemplate', render(step, requestEncodingTemplate));
      const bytes = bytesOf('the body', render(step, bodyTemplate), encoding);
      return bytes.byteLength === 0 ? {} : { bytes };
    }
  }
}

/** What stands at an address; nothing of the request's own goes there. */
async function fetched(step: Step, { bodyTemplate }: HttpConfig, common: Common): Promise<RequestBody> {
  const uri = renderRequired(step, 'bodyTemplate', bodyTemplate);
  const { statusCode, headers, body } = await step.ports.http({
    ...common,
    method: 'GET',
    uri,
    headers: {},
    auth: { kind: 'none' },
    followRedirects: true,
  });
  if (statusCode < 200 || statusCode > 299)
    throw new HttpFailure('BodyNotFound', `bodyTemplate: the address of the body answers with status ${statusCode}`);
  const { 'content-type': type } = headers;
  return { bytes: body, ...(typeof type === 'string' ? { type } : {}) };
}
