export declare function encodePointer(p: string): string;
export declare function escapePointer(p: string): string;
