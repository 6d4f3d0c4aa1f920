import { describe, expect, it } from 'vitest';
import { type Operation, OPERATIONS } from '#lib/contracts';
import { admit } from './admit.ts';
import { ApiProblem } from './problem.ts';
import type { Caller } from './token-book.ts';

const APP = 'a'.repeat(24);
const OTHER = 'b'.repeat(24);
const caller = (scopes: string[], applicationId = APP): Caller => ({ tokenId: 'c'.repeat(24), applicationId, scopes });

const operation = (id: string): Operation => {
  const found = OPERATIONS.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
};

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiProblem) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'admitted';
}

describe('admitting a call', () => {
  it('gives the tenant, the resource and who calls', () => {
    const call = admit(operation('integration.get'), caller(['integration.get']), {
      applicationId: APP,
      integrationId: OTHER.toUpperCase(),
    });
    expect(call).toMatchObject({ applicationId: APP, id: OTHER, instance: false });
  });

  it("says 404 of another tenant's application before it says anything of scopes", () => {
    const params = { applicationId: OTHER, integrationId: OTHER };
    expect(refusal(() => admit(operation('integration.get'), caller([]), params))).toBe('404 The application was not found');
    expect(refusal(() => admit(operation('integration.get'), caller(['all.Instance'], '-'), params))).toBe('admitted');
  });

  it('says 404 of ids that are none', () => {
    const to = (applicationId: string, apiTokenId: string) => () =>
      admit(operation('applicationApiToken.get'), caller(['all.Application']), { applicationId, apiTokenId });
    expect(refusal(to('short', OTHER))).toBe('404 The application was not found');
    expect(refusal(to(APP, 'z'.repeat(24)))).toBe('404 The api token was not found');
    expect(refusal(to(APP, '../../etc'))).toBe('404 The api token was not found');
  });

  it('names the scope that is missing', () => {
    const patch = () =>
      admit(operation('integration.patch'), caller(['all.Application.read']), { applicationId: APP, integrationId: OTHER });
    expect(refusal(patch)).toBe("403 The token's scopes don't include integration.patch");
  });

  it('lets no token of an application make applications, whatever its scopes', () => {
    const post = operation('applications.post');
    expect(refusal(() => admit(post, caller(['all.Application', 'applications.*']), {}))).toContain('403');
    expect(refusal(() => admit(post, caller(['all.Instance.read'], '-'), {}))).toContain('403');
    expect(admit(post, caller(['all.Instance'], '-'), {})).toMatchObject({ applicationId: '-', instance: true });
  });
});
