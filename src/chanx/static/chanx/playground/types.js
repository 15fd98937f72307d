// What the modules of the playground hand each other.

/**
 * @typedef {Record<string, any>} Schema
 * JSON Schema, whose references are "#/$defs/NAME".
 *
 * @typedef {object} Parameter
 * @property {string} name
 * @property {string} pattern
 * @property {string | null} converter
 * @property {Schema} schema
 * @property {string} description
 * @property {string | null} example
 *
 * @typedef {object} Message
 * @property {string} name
 * @property {string} path
 * @property {"in" | "out"} direction
 * @property {"consumer" | "group" | "chanx"} source
 * @property {(string | number)[]} actions
 * @property {string} summary
 * @property {string} description
 * @property {string | null} schema
 * @property {{name: string, content: unknown}[]} examples
 * @property {boolean} is_deprecated
 *
 * @typedef {object} SecurityScheme
 * @property {string} name
 * @property {"session" | "basic" | "token" | "custom"} kind
 * @property {"cookie" | "header" | "subprotocol" | "query" | "message" | null} location
 * @property {string} description
 * @property {string | null} parameter
 * @property {string | null} scheme
 *
 * @typedef {object} Endpoint
 * @property {string} name
 * @property {string} path
 * @property {string} consumer
 * @property {Parameter[]} parameters
 * @property {Schema | null} [query]
 * @property {boolean} is_described
 * @property {string} summary
 * @property {string} description
 * @property {string[]} tags
 * @property {boolean} is_deprecated
 * @property {Message[]} incoming
 * @property {Message[]} outgoing
 * @property {SecurityScheme[]} security
 * @property {boolean} needs_login
 * @property {string[]} subprotocols
 *
 * @typedef {object} PageData
 * @property {string} action_key
 * @property {Endpoint[]} endpoints
 * @property {Record<string, Schema>} definitions
 * @property {string} server Scheme and host of the sockets, like "wss://example.com".
 * @property {Record<string, string>} close_codes What each code means, by its number.
 * @property {string | null} user Who was logged in when the page was made; null: nobody, or no more.
 * @property {string | null} login_url
 *
 * @typedef {"session" | "subprotocol" | "message" | "query"} AuthKind
 *
 * @typedef {object} Settings
 * What is kept of a connection. No token is part of it.
 * @property {string} endpoint
 * @property {Record<string, string>} parameters
 * @property {[string, string][]} query
 * @property {AuthKind} auth
 * @property {string} subprotocols For consumers that are not of chanx, separated by commas.
 * @property {boolean} reconnects
 * @property {boolean} answersPings
 * @property {boolean} isFolded
 * @property {"form" | "json"} mode
 * @property {string} message The name of the message that is composed.
 * @property {Record<string, string>} drafts By endpoint and message.
 *
 * @typedef {"idle" | "connecting" | "open" | "closing" | "waiting"} Phase
 *
 * @typedef {object} Close
 * @property {number} code
 * @property {string} reason
 * @property {boolean} wasOpen False: the handshake failed.
 * @property {boolean} wasAsked The user closed it.
 *
 * @typedef {object} Frame
 * @property {number} id Counts up from 1 in each log.
 * @property {"sent" | "received" | "event"} direction
 * @property {number} time Milliseconds since the epoch.
 * @property {string} text With no token in it.
 * @property {boolean} isBinary
 * @property {number} size In bytes, as it was on the wire.
 * @property {string | null} action
 * @property {number | null} latency Milliseconds since the message that it is the first reply to.
 */

export {};
