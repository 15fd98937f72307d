export declare const format: Record<string, (s: string) => boolean>;
