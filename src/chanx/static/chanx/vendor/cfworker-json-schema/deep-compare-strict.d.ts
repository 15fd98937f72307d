export declare function deepCompareStrict(a: any, b: any): boolean;
