/** What of this library is used here: it comes without types. */
declare module 'bare-http-parser' {
  import type { IncomingHttpHeaders } from 'node:http';

  interface Response {
    readonly type: typeof HTTPParser.constants.RESPONSE;
    readonly code: number;
    readonly headers: IncomingHttpHeaders;
  }

  class HTTPParser {
    static readonly constants: { readonly REQUEST: 1; readonly RESPONSE: 2; readonly DATA: 3; readonly END: 4 };
    /** Each part as it is found. Throws HTTPParserError while it is iterated. */
    push(data: Buffer): Iterable<HTTPParser.Part>;
    /** Nothing more comes. Throws HTTPParserError where something is missing. */
    end(): Iterable<HTTPParser.Part>;
  }
  namespace HTTPParser {
    type Part = Response | { readonly type: 3; readonly data: Buffer } | { readonly type: 1 | 4 };
  }
  export = HTTPParser;
}

declare module 'bare-http-parser/errors' {
  class HTTPParserError extends Error {
    readonly code: string;
  }
  export = HTTPParserError;
}
