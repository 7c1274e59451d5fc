"""The words of the field: which names scale, select, encode, resample, split and score."""

from __future__ import annotations

import enum
import re


class Step(enum.StrEnum):
    """What an estimator learns from the rows it is fitted with."""

    PREPROCESS = "preprocess"  # statistics of the features: means, components, vocabularies
    SELECT = "select"  # which features go with the label
    ENCODE = "encode"  # means of the label by category
    RESAMPLE = "resample"  # rows made from, or repeated out of, other rows
    MODEL = "model"
    HARMLESS = "harmless"  # nothing, or only which categories there are


def words(text: str) -> frozenset[str]:
    """The words of a text.

    >>> sorted(words("a b"))
    ['a', 'b']
    """
    return frozenset(text.split())


_PREPROCESS = words("""
    StandardScaler MinMaxScaler RobustScaler MaxAbsScaler PowerTransformer QuantileTransformer
    SplineTransformer KBinsDiscretizer SimpleImputer Imputer KNNImputer IterativeImputer PCA
    IncrementalPCA KernelPCA SparsePCA TruncatedSVD NMF FastICA FactorAnalysis
    LatentDirichletAllocation DictionaryLearning UMAP TSNE Isomap MDS Nystroem RBFSampler
    KernelCenterer CountVectorizer
    TfidfVectorizer TfidfTransformer Doc2Vec Word2Vec Tokenizer TextVectorization VarianceThreshold
    CountEncoder FrequencyEncoder SelectVariance Winsorizer MeanMedianImputer KMeans MiniBatchKMeans
    GaussianRandomProjection SparseRandomProjection BayesianGaussianMixture GaussianMixture
""")
_SELECT = words("""
    SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect RFE RFECV
    SelectFromModel SequentialFeatureSelector BorutaPy Boruta LinearDiscriminantAnalysis
    NeighborhoodComponentsAnalysis PLSRegression ReliefF
""")
_ENCODE = words("""
    TargetEncoder LeaveOneOutEncoder CatBoostEncoder MEstimateEncoder JamesSteinEncoder WOEEncoder
    GLMMEncoder MeanEncoder WoEEncoder QuantileEncoder SummaryEncoder
""")
_RESAMPLE = words("""
    SMOTE ADASYN BorderlineSMOTE SVMSMOTE KMeansSMOTE SMOTENC SMOTEN SMOTETomek SMOTEENN
    RandomOverSampler RandomUnderSampler NearMiss TomekLinks EditedNearestNeighbours
    ClusterCentroids OneSidedSelection CondensedNearestNeighbour NeighbourhoodCleaningRule
    InstanceHardnessThreshold
""")
_HARMLESS = words("""
    LabelEncoder LabelBinarizer OneHotEncoder OrdinalEncoder MultiLabelBinarizer Normalizer
    Binarizer FunctionTransformer PolynomialFeatures HashingVectorizer FeatureHasher DictVectorizer
    MissingIndicator AdditiveChi2Sampler
""")

STEPS: dict[str, Step] = {
    name: step
    for step, names in (
        (Step.PREPROCESS, _PREPROCESS),
        (Step.SELECT, _SELECT),
        (Step.ENCODE, _ENCODE),
        (Step.RESAMPLE, _RESAMPLE),
        (Step.HARMLESS, _HARMLESS),
    )
    for name in names
}

#: estimators that hold other estimators and refit them themselves
HOLDERS = words("""
    Pipeline make_pipeline ColumnTransformer make_column_transformer FeatureUnion make_union
    TableVectorizer
""")
SEARCHERS = words("""
    GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV BayesSearchCV
    TuneGridSearchCV TuneSearchCV OptunaSearchCV EvolutionaryAlgorithmSearchCV
""")
CROSS_VALIDATORS = words("""
    cross_val_score cross_validate cross_val_predict learning_curve validation_curve
    permutation_test_score
""")
FOLDERS = words("""
    KFold StratifiedKFold GroupKFold StratifiedGroupKFold RepeatedKFold RepeatedStratifiedKFold
    ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit TimeSeriesSplit LeaveOneOut LeavePOut
    LeaveOneGroupOut LeavePGroupsOut PredefinedSplit
""")
#: capitalised names that hold rows and are no estimators
CONTAINERS = words("""
    DataFrame Series Index DMatrix Dataset Pool TensorDataset DataLoader Tensor Categorical Subset
    QuantileDMatrix
""")
#: scores of the form metric(y_true, y_pred)
METRICS = words("""
    accuracy_score balanced_accuracy_score f1_score fbeta_score precision_score recall_score
    roc_auc_score average_precision_score log_loss brier_score_loss matthews_corrcoef
    cohen_kappa_score classification_report confusion_matrix precision_recall_curve roc_curve
    precision_recall_fscore_support mean_squared_error mean_absolute_error r2_score
    root_mean_squared_error median_absolute_error mean_squared_log_error
    mean_absolute_percentage_error explained_variance_score ndcg_score hamming_loss jaccard_score
    zero_one_loss max_error top_k_accuracy_score accuracy rmse mae mse auc
""")
#: metrics that are a picture or a table and choose nothing
PICTURES = words("""
    classification_report confusion_matrix precision_recall_curve roc_curve auc
    precision_recall_fscore_support
""")
SELECTION_SCORES = words("""
    f_classif f_regression chi2 mutual_info_classif mutual_info_regression r_regression corrwith
    pearsonr spearmanr pointbiserialr
""")
#: what a fitted estimator says about features
IMPORTANCES = words("""
    feature_importances_ coef_ scores_ pvalues_ support_ ranking_ get_support feature_importance
    get_score get_feature_importance
""")
STATISTICS = words(
    "mean median std var min max quantile mode nanmean nanmedian nanstd percentile sum"
)
JOINS = words("concat vstack hstack concatenate r_ append row_stack stack_rows")
#: called with a function, they call it many times and keep the best
OPTIMISERS = words("""
    optimize fmin minimize maximize gp_minimize forest_minimize differential_evolution
    minimize_scalar basinhopping brute dual_annealing
""")
CHOOSERS = words(
    "max min argmax argmin sorted idxmax idxmin nanargmax nanargmin nlargest nsmallest"
)

_VALID = re.compile(
    r"(?:^|_)(?:val|valid|validation|dev|calib|calibration|eval)(?:_|\d|$)|[a-z]Val$"
)
_TRAIN = re.compile(r"(?:^|_|[xXyY])(?:train|trn|tr|training|Train|fit)(?:ing)?(?:_|\d|$)")
_LABEL = re.compile(
    r"^[yY](?:_|\d|$)|^[yY][_]?(?:tr|te|val|train|test)|target|label|(?:^|_)pred|resid|score"
)


def side_of(name: str) -> str | None:
    """What a variable's name says about its rows: ``"train"``, ``"test"``, ``"valid"`` or None.

    >>> side_of("X_test"), side_of("train_df"), side_of("y_val"), side_of("latest")
    ('test', 'train', 'valid', None)
    """
    last = name.rpartition(".")[2]
    if last.lower() in {
        "latest",
        "contest",
        "protest",
        "attest",
        "fit",
        "state",
        "date",
        "te",
        "tr",
    }:
        return {"te": "test", "tr": "train"}.get(last.lower())
    if re.search(r"train_?(?:and_?)?(?:test|val)", last, re.IGNORECASE):
        return None
    if _VALID.search(last):
        return "valid"
    if re.search(
        r"(?:^|_|[xXyY])(?:test|tst|te|holdout|hold_out|heldout|unseen|Test)(?:_|\d|$)|[a-z]Test$",
        last,
    ):
        return "test"
    return "train" if _TRAIN.search(last) or last.endswith("Train") else None


def is_label(name: str) -> bool:
    """Whether a variable's name says that it holds labels, predictions or scores.

    >>> is_label("y_test"), is_label("X")
    (True, False)
    """
    return _LABEL.search(name.rpartition(".")[2]) is not None
