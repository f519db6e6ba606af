/** The label of pictures that show none of the classes. */
export const NONE = "none";
