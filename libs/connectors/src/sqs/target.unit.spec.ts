import { describe, expect, it } from 'vitest';
import { targetOf } from './target.ts';

const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'clear-secret' };
const at = (queueUrl: string, region = 'eu-west-1'): ReturnType<typeof targetOf> => targetOf({ queueUrl, region, ...KEYS });

describe('where a queue is', () => {
  it.each([
    ['https://sqs.eu-west-1.amazonaws.com/1/q', { endpoint: 'https://sqs.eu-west-1.amazonaws.com', port: 443, secure: true, fifo: false }],
    ['https://sqs.eu-west-1.amazonaws.com/1/q.fifo', { fifo: true }],
    ['http://localhost:4566/queue/eu-west-1/1/q', { endpoint: 'http://localhost:4566', host: 'localhost', port: 4566, secure: false }],
    ['http://[::1]:80/1/q', { host: '[::1]', port: 80 }],
    ['https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/1/q', { host: 'vpce-1.sqs.eu-west-1.vpce.amazonaws.com' }],
  ])('is read from %s', (queueUrl, expected) => {
    expect(at(queueUrl)).toMatchObject({ queueUrl, ...expected });
  });

  it.each([
    ['my-queue', 'eu-west-1', /URL of a queue/],
    ['ftp://host/1/q', 'eu-west-1', /https/],
    ['https://u:p@host/1/q', 'eu-west-1', /user name/],
    ['https://host/1/q?Action=SendMessage', 'eu-west-1', /end with the name/],
    ['https://host/1/q#x', 'eu-west-1', /end with the name/],
    ['https://host/', 'eu-west-1', /names no queue/],
    ['https://host/1/q', 'eu/west', /name of a region/],
    ['https://sqs.us-east-1.amazonaws.com/1/q', 'eu-west-1', /us-east-1 and region is eu-west-1/],
    ['https://vpce-1.sqs.us-gov-west-1.vpce.amazonaws.com/1/q', 'eu-west-1', /us-gov-west-1/],
    ['https://sqs.cn-north-1.amazonaws.com.cn/1/q', 'eu-west-1', /cn-north-1/],
  ])('is refused: %s in %s', (queueUrl, region, message) => {
    expect(() => at(queueUrl, region)).toThrow(
      expect.objectContaining({ code: 'misconfigured', message: expect.stringMatching(message) }) as Error,
    );
  });

  it("prefers a service credential's keys, and a region of the integration's own", () => {
    const credential = { accessKeyId: 'AKIAOTHER', secretAccessKey: 'other', region: 'us-east-1' };
    expect(targetOf({ queueUrl: 'https://host/1/q', credential })).toMatchObject(credential);
    expect(targetOf({ queueUrl: 'https://host/1/q', region: 'eu-west-1', credential })).toMatchObject({
      ...credential,
      region: 'eu-west-1',
    });
  });
});
